import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'

/** Always a new id: an id that the caller sends could put any text into the log, such as a token. */
export function requestId() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const id = crypto.randomUUID()
    c.set('requestId', id)
    c.header('x-request-id', id)
    await next()
  })
}
