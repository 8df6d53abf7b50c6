import { Hono } from 'hono'
import type { AppEnv } from './app-env.ts'
import type { Deps } from './deps.ts'
import { Problem } from './errors.ts'
import { accessLog } from './middleware/access-log.ts'
import { clientSignal } from './middleware/client-signal.ts'
import { identity } from './middleware/identity.ts'
import { noStore } from './middleware/no-store.ts'
import { origins } from './middleware/origins.ts'
import { problemResponse } from './middleware/problem-response.ts'
import { addressRateLimit, userRateLimit } from './middleware/rate-limit.ts'
import { requestId } from './middleware/request-id.ts'
import { securityHeaders } from './middleware/security-headers.ts'
import { withDeps } from './middleware/with-deps.ts'
import { admin } from './routes/admin.ts'
import { chat } from './routes/chat.ts'
import { claim } from './routes/claim.ts'
import { exported } from './routes/export.ts'
import { feedback } from './routes/feedback.ts'
import { live, ready } from './routes/health.ts'
import { me } from './routes/me.ts'
import { messages } from './routes/messages.ts'
import { replyStream } from './routes/reply-stream.ts'
import { sessions } from './routes/sessions.ts'
import { stop } from './routes/stop.ts'
import { usage } from './routes/usage.ts'
import { visitors } from './routes/visitors.ts'

export function createApp(depsOf: (bindings: object) => Deps) {
  return new Hono<AppEnv>()
    .use(clientSignal())
    .use(requestId())
    .use(accessLog())
    .use(securityHeaders())
    .use('/health/*', noStore())
    .route('/health/live', live)
    .use(withDeps(depsOf))
    .use('/health/ready', addressRateLimit())
    .route('/health/ready', ready)
    .use('/v1/*', noStore(), origins(), addressRateLimit())
    .route('/v1/admin', admin)
    .use('/v1/*', identity())
    .route('/v1/visitors', visitors)
    .use('/v1/chat', userRateLimit())
    .route('/v1/chat', chat)
    .route('/v1/sessions/claim', claim)
    .route('/v1/sessions', sessions)
    .route('/v1/sessions/:session_id/messages', messages)
    .route('/v1/sessions/:session_id/messages/:reply_id/stream', replyStream)
    .route('/v1/sessions/:session_id/messages/:message_id/feedback', feedback)
    .route('/v1/sessions/:session_id/stop', stop)
    .route('/v1/usage', usage)
    .route('/v1/export', exported)
    .route('/v1/me', me)
    .notFound(() => {
      throw new Problem('not_found')
    })
    .onError(problemResponse)
}
