import { createMiddleware } from 'hono/factory'

/** What one user is answered is kept by no cache. A route may say more. */
export function noStore() {
  return createMiddleware(async (c, next) => {
    c.header('cache-control', 'no-store')
    await next()
  })
}
