import { createMiddleware } from 'hono/factory'

/** No cache may keep an answer to a user. A route may set a stricter `cache-control`. */
export function noStore() {
  return createMiddleware(async (c, next) => {
    await next()
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store')
  })
}
