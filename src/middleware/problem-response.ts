import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../errors.ts'

/** The one error handler: every error leaves as `application/problem+json` (RFC 9457), without internals. */
export function problemResponse(error: Error, c: Context<AppEnv>): Response {
  const problem = toProblem(error)
  const { retryAfterSeconds } = problem.options
  return new Response(JSON.stringify({ ...problem.toJSON(), request_id: c.get('requestId') }), {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(problem.code === 'unauthorized' && { 'www-authenticate': 'Bearer' }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    },
  })
}

function toProblem(error: Error): Problem {
  if (error instanceof Problem) return error
  // Hono's validator throws its own kind where the body is no JSON.
  if (error instanceof HTTPException && error.status === 400)
    return new Problem('invalid_request', { detail: 'The body is not valid JSON', cause: error })
  return new Problem('internal_error', { cause: error })
}
