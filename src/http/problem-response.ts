import type { Context } from 'hono'
import { Problem } from '../errors.ts'
import type { AppEnv } from './app-env.ts'

/** The only error handler: every error is sent as `application/problem+json` (RFC 9457), without internals. */
export function problemResponse(error: Error, c: Context<AppEnv>): Response {
  const problem = toProblem(error)
  const { retryAfterSeconds } = problem.options
  // The context keeps the headers that the middleware has set.
  return c.body(
    JSON.stringify({ ...problem.toJSON(), request_id: c.get('requestId') }),
    problem.status,
    {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(problem.code === 'unauthorized' && { 'www-authenticate': 'Bearer' }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    },
  )
}

/** The problem that a caller sees for an error. */
export function toProblem(error: Error): Problem {
  if (error instanceof Problem) return error
  return new Problem('internal_error', { cause: error })
}
