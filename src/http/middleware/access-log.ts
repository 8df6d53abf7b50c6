import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import { describeFault } from '../../errors.ts'
import type { AppEnv } from '../app-env.ts'
import { toProblem } from '../problem-response.ts'

/**
 * Logs one JSON line for each request: route, codes, sizes and times. It never logs content, tokens, keys or the path,
 * which may contain any text.
 */
export function accessLog() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const beginsAt = Date.now()
    await next()
    const { error } = c
    const requestBytes = c.get('bodyBytes')
    const responseBytes = await measure(c)
    console.log(
      JSON.stringify({
        request_id: c.get('requestId'),
        method: c.req.method,
        route: matchedRoutes(c).findLast(({ path }) => !path.endsWith('*'))?.path ?? 'none',
        status: c.res.status,
        ms: Date.now() - beginsAt,
        ...(requestBytes !== undefined && { request_bytes: requestBytes }),
        ...(responseBytes !== undefined && { response_bytes: responseBytes }),
        ...(error !== undefined && { code: toProblem(error).code, fault: describeFault(error) }),
      }),
    )
  })
}

/** Measures JSON, which is complete by now. The length of a stream is not known yet. */
async function measure(c: Context<AppEnv>): Promise<number | undefined> {
  const { status, headers } = c.res
  if (!/^application\/(problem\+)?json$/.test(headers.get('content-type') ?? '')) return undefined
  const body = await c.res.arrayBuffer()
  // Without this, the setter would pass the body on as a stream, and the client would get no content-length.
  c.res = undefined
  c.res = new Response(body, { status, headers })
  return body.byteLength
}
