import { createApp } from '../../src/app.ts'
import { createDeps } from '../../src/deps.ts'

export type Request = [method: string, path: string, body?: unknown]

/** Every route of the app under /v1, as `METHOD /path/:name`: read from the app, so that a new one cannot escape. */
export function appRoutes(): string[] {
  const routes = createApp(createDeps)
    .routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/v1/'))
    .map(({ method, path }) => `${method} ${path}`)
  return [...new Set(routes)]
}

/** Routes that name no session. */
export const routesWithoutSession: Record<string, Request> = {
  'POST /v1/visitors': ['POST', '/v1/visitors'],
  'POST /v1/sessions': ['POST', '/v1/sessions', {}],
  'GET /v1/sessions': ['GET', '/v1/sessions'],
}

/**
 * A request to each route that names a session, the one that deletes it last.
 * @param messageId of a message or a reply in it, where there is one
 */
export function sessionRequests(
  sessionId: string,
  messageId: string = crypto.randomUUID(),
): Record<string, Request[]> {
  const path = `/v1/sessions/${sessionId}`
  const turn = { session_id: sessionId, message: 'Hello' }
  return {
    'POST /v1/chat': [
      ['POST', '/v1/chat', turn],
      ['POST', '/v1/chat', { ...turn, message_id: messageId }],
      ['POST', '/v1/chat', { ...turn, message_id: messageId, regenerate: messageId }],
    ],
    'GET /v1/sessions/:session_id': [['GET', path]],
    'PATCH /v1/sessions/:session_id': [['PATCH', path, { title: 'Mine' }]],
    'GET /v1/sessions/:session_id/messages': [
      ['GET', `${path}/messages`],
      ['GET', `${path}/messages?superseded=true&after=0`],
    ],
    'GET /v1/sessions/:session_id/messages/:reply_id/stream': [
      ['GET', `${path}/messages/${messageId}/stream`],
    ],
    'POST /v1/sessions/:session_id/stop': [['POST', `${path}/stop`]],
    'DELETE /v1/sessions/:session_id': [['DELETE', path]],
  }
}
