import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { AppEnv, RateLimiter, RateLimiterName } from '../app-env.ts'
import { describeFault, Problem } from '../../errors.ts'
import { clientAddress } from '../caller.ts'

/** So many requests a minute from one address, as wrangler.toml says: whatever they ask for and whoever asks. */
export function addressRateLimit() {
  return rateLimit('ADDRESS_RATE_LIMITER', (c) => clientAddress(c.req.raw.headers))
}

/** So many turns a minute of one user. Who bears no credential is a new visitor, whom only the address limits. */
export function userRateLimit() {
  return rateLimit('USER_RATE_LIMITER', (c) => c.get('userId'))
}

/** The period of the bindings, in wrangler.toml: they do not tell it. */
const periodSeconds = 60

/**
 * By Workers' rate limiting binding, which counts in each location by itself, and roughly: against floods, where the
 * daily caps are exact. Without the binding, or a key, there is no limit; a binding that fails lets the request pass.
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
