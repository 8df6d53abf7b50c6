import { createApp } from '../../src/app.ts'
import { createDeps } from '../../src/deps.ts'

export type Request = [method: string, path: string, body?: unknown]

/** Every route of the app, as `METHOD /path/:name`: read from the app, so that no new one is forgotten. */
export function appRoutes(): string[] {
  const routes = createApp(createDeps)
    .routes.filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path}`)
  return [...new Set(routes)]
}

/** Every route that takes a body, as `METHOD /path` with this id in place of each name. */
export function bodyRoutes(id: string): string[] {
  return appRoutes()
    .filter((route) => /^(POST|PUT|PATCH) /.test(route))
    .map((route) => route.replaceAll(/:\w+/g, id))
}

/** Routes that answer everybody in the same way, with or without a credential. */
export const openRoutes: Record<string, Request> = {
  'GET /health/live': ['GET', '/health/live'],
  'GET /health/ready': ['GET', '/health/ready'],
}

/** Routes that make a caller without a credential a new visitor. */
export const newcomerRoutes: Record<string, Request> = {
  'POST /v1/visitors': ['POST', '/v1/visitors'],
  'POST /v1/sessions': ['POST', '/v1/sessions', {}],
  'POST /v1/chat': ['POST', '/v1/chat', { message: 'Hello' }],
}

/** Routes for the caller's own data that do not name a session. The route that erases all of it comes last. */
export const ownRoutes: Record<string, Request> = {
  'POST /v1/sessions/claim': [
    'POST',
    '/v1/sessions/claim',
    { visitor_token: `vst_${'a'.repeat(43)}` },
  ],
  'GET /v1/sessions': ['GET', '/v1/sessions'],
  'GET /v1/usage': ['GET', '/v1/usage'],
  'GET /v1/export': ['GET', '/v1/export'],
  'DELETE /v1/me': ['DELETE', '/v1/me'],
}

/** Requests to each of the owner's routes. The one that erases comes last. */
export function adminRequests(sessionId: string): Record<string, Request[]> {
  const path = `/v1/admin/sessions/${sessionId}`
  return {
    'GET /v1/admin/sessions': [
      ['GET', '/v1/admin/sessions'],
      ['GET', '/v1/admin/sessions?q=Hello&limit=1'],
    ],
    'GET /v1/admin/sessions/:session_id/messages': [['GET', `${path}/messages`]],
    'GET /v1/admin/usage': [['GET', '/v1/admin/usage']],
    'DELETE /v1/admin/sessions/:session_id': [['DELETE', path]],
  }
}

/**
 * Requests to each route that names a session. The one that deletes it comes last.
 * @param messageId of a message or a reply in the session, if there is one
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
      ['POST', '/v1/chat', { ...turn, message_id: messageId, continue: messageId }],
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
    'GET /v1/sessions/:session_id/messages/:reply_id/context': [
      ['GET', `${path}/messages/${messageId}/context`],
    ],
    'POST /v1/sessions/:session_id/context': [['POST', `${path}/context`, { message: 'Hello' }]],
    'GET /v1/sessions/:session_id/stream': [['GET', `${path}/stream`]],
    'PUT /v1/sessions/:session_id/messages/:message_id/feedback': [
      ['PUT', `${path}/messages/${messageId}/feedback`, { rating: 'up' }],
    ],
    'POST /v1/sessions/:session_id/stop': [['POST', `${path}/stop`]],
    'DELETE /v1/sessions/:session_id': [['DELETE', path]],
  }
}
