import { createMiddleware } from 'hono/factory'

/** What one user is answered is kept by no cache. A route may say more. */
export function noStore() {
  return createMiddleware(async (c, next) => {
    await next()
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store')
  })
}
