import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'
import { describeFault, Problem } from '../errors.ts'

/** One JSON line a request: ids, codes and times, and never content, tokens, keys or a query string. */
export function accessLog() {
  return createMiddleware<AppEnv>(async (c, next) => {
    // Taken now: a middleware that reads the body may replace the request, and its signal with it.
    c.set('gone', c.req.raw.signal)
    const beginsAt = Date.now()
    await next()
    const { error } = c
    console.log(
      JSON.stringify({
        request_id: c.get('requestId'),
        method: c.req.method,
        path: c.req.path,
        status: c.res.status,
        ms: Date.now() - beginsAt,
        ...(error instanceof Problem && { code: error.code }),
        ...(error !== undefined && { fault: describeFault(error) }),
      }),
    )
  })
}
