import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'

/** Always of our own: a caller's would be any text in our log, a token or a request that is another's included. */
export function requestId() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const id = crypto.randomUUID()
    c.set('requestId', id)
    c.header('x-request-id', id)
    await next()
  })
}
