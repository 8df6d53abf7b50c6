import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'

/** Keeps the signal of the request as it arrived. Comes first, because a later middleware may replace the request. */
export function clientSignal() {
  return createMiddleware<AppEnv>(async (c, next) => {
    c.set('gone', c.req.raw.signal)
    await next()
  })
}
