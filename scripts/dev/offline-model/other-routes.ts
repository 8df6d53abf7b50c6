import { ApiError } from './chat-request.ts'
import { errorResponse } from './error-responses.ts'
import type { PlainResponse } from './reply.ts'

/** The list of models; an error for any other request that is not a completion. */
export function answerOther(method: string, path: string): PlainResponse {
  if (path === '/v1/models' && method === 'GET') {
    const offline = { id: 'offline', object: 'model', created: 0, owned_by: 'neon-chat-history' }
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ object: 'list', data: [offline] }),
    }
  }
  const isKnown = path === '/v1/models' || path === '/v1/chat/completions'
  return errorResponse(
    isKnown
      ? new ApiError(405, `Not allowed: ${method} ${path}.`, { code: 'method_not_supported' })
      : new ApiError(404, `Unknown request URL: ${method} ${path}.`, { code: 'unknown_url' }),
  )
}
