import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { describeFault, Problem } from '../../errors.ts'
import type { AppEnv, RateLimiter, RateLimiterName } from '../app-env.ts'
import { clientAddress } from '../caller.ts'

/** Limits the requests per minute of one address, to any route and by any user. wrangler.toml sets the number. */
export function addressRateLimit() {
  return rateLimit('ADDRESS_RATE_LIMITER', (c) => clientAddress(c.req.raw.headers))
}

/** Limits the turns per minute of one user. A caller without a credential is a new visitor: only the address limit applies. */
export function userRateLimit() {
  return rateLimit('USER_RATE_LIMITER', (c) => c.get('userId'))
}

/** Limits how many replies one user may join per minute. A join without the reply's object reads from the database until the reply ends. */
export function joinRateLimit() {
  return rateLimit('JOIN_RATE_LIMITER', (c) => c.get('userId'))
}

/** The period of the bindings in wrangler.toml, which the bindings do not report. */
const periodSeconds = 60

/**
 * Uses Cloudflare's rate limiting binding, which counts in each location separately, and approximately. It stops floods;
 * the daily caps are exact. Without the binding or a key there is no limit. If the binding fails, the request passes.
 */
function rateLimit(name: RateLimiterName, keyOf: (c: Context<AppEnv>) => string | undefined) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const limiter = c.env[name]
    const key = keyOf(c)
    if (limiter && key !== undefined && !(await isWithin(limiter, key, name, c)))
      throw new Problem('rate_limited', { retryAfterSeconds: periodSeconds, hint: name })
    await next()
  })
}

async function isWithin(
  limiter: RateLimiter,
  key: string,
  name: RateLimiterName,
  c: Context<AppEnv>,
): Promise<boolean> {
  try {
    return (await limiter.limit({ key })).success
  } catch (error) {
    const line = { request_id: c.get('requestId'), limiter: name, fault: describeFault(error) }
    console.log(JSON.stringify(line))
    return true
  }
}
