import { Hono } from 'hono'
import type { Deps } from './deps.ts'
import { Problem } from './errors.ts'
import type { AppEnv } from './http/app-env.ts'
import { accessLog } from './http/middleware/access-log.ts'
import { clientSignal } from './http/middleware/client-signal.ts'
import { drainBody } from './http/middleware/drain-body.ts'
import { identity } from './http/middleware/identity.ts'
import { noStore } from './http/middleware/no-store.ts'
import { origins } from './http/middleware/origins.ts'
import { addressRateLimit, joinRateLimit, userRateLimit } from './http/middleware/rate-limit.ts'
import { requestId } from './http/middleware/request-id.ts'
import { securityHeaders } from './http/middleware/security-headers.ts'
import { withDeps } from './http/middleware/with-deps.ts'
import { problemResponse } from './http/problem-response.ts'
import { admin } from './http/routes/admin.ts'
import { chat } from './http/routes/chat.ts'
import { claim } from './http/routes/claim.ts'
import { nextContext, replyContext } from './http/routes/context.ts'
import { exported } from './http/routes/export.ts'
import { feedback } from './http/routes/feedback.ts'
import { live, ready } from './http/routes/health.ts'
import { me } from './http/routes/me.ts'
import { messages } from './http/routes/messages.ts'
import { replyStream, sessionStream } from './http/routes/reply-stream.ts'
import { sessions } from './http/routes/sessions.ts'
import { stop } from './http/routes/stop.ts'
import { usage } from './http/routes/usage.ts'
import { visitors } from './http/routes/visitors.ts'

export function createApp(depsOf: (bindings: object) => Deps) {
  return (
    new Hono<AppEnv>()
      .use(drainBody())
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
      // The owner's token is no credential of a user, so the owner's paths end here.
      .all('/v1/admin/*', notFound)
      .use('/v1/*', identity())
      .route('/v1/visitors', visitors)
      .use('/v1/chat', userRateLimit())
      .route('/v1/chat', chat)
      .route('/v1/sessions/claim', claim)
      .route('/v1/sessions', sessions)
      .route('/v1/sessions/:session_id/messages', messages)
      .use('/v1/sessions/:session_id/messages/:reply_id/stream', joinRateLimit())
      .route('/v1/sessions/:session_id/messages/:reply_id/stream', replyStream)
      .route('/v1/sessions/:session_id/messages/:message_id/feedback', feedback)
      .route('/v1/sessions/:session_id/messages/:reply_id/context', replyContext)
      .route('/v1/sessions/:session_id/context', nextContext)
      .use('/v1/sessions/:session_id/stream', joinRateLimit())
      .route('/v1/sessions/:session_id/stream', sessionStream)
      .route('/v1/sessions/:session_id/stop', stop)
      .route('/v1/usage', usage)
      .route('/v1/export', exported)
      .route('/v1/me', me)
      .notFound(notFound)
      .onError(problemResponse)
  )
}

function notFound(): never {
  throw new Problem('not_found')
}
