import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'

/** Comes first: a middleware that reads the body may replace the request, and its signal with it. */
export function clientSignal() {
  return createMiddleware<AppEnv>(async (c, next) => {
    c.set('gone', c.req.raw.signal)
    await next()
  })
}
