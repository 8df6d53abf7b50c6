import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'
import { Problem } from '../errors.ts'

/** The one error handler: every error leaves as `application/problem+json` (RFC 9457), without internals. */
export function problemResponse(error: Error, c: Context<AppEnv>): Response {
  const problem = toProblem(error)
  const { retryAfterSeconds } = problem.options
  // By the context, which keeps the headers that middleware has set.
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

/** What an error is to whoever called. */
export function toProblem(error: Error): Problem {
  if (error instanceof Problem) return error
  return new Problem('internal_error', { cause: error })
}
