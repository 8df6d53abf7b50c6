import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import type { AppEnv } from '../app-env.ts'
import { describeFault, Problem } from '../errors.ts'

/** One JSON line a request: route, codes and times, and never content, tokens, keys, nor the path, which may be any text. */
export function accessLog() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const beginsAt = Date.now()
    await next()
    const { error } = c
    console.log(
      JSON.stringify({
        request_id: c.get('requestId'),
        method: c.req.method,
        route: matchedRoutes(c).findLast(({ path }) => !path.endsWith('*'))?.path ?? 'none',
        status: c.res.status,
        ms: Date.now() - beginsAt,
        ...(error instanceof Problem && { code: error.code }),
        ...(error !== undefined && { fault: describeFault(error) }),
      }),
    )
  })
}
