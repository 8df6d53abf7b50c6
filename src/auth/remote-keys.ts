import { JWKSMultipleMatchingKeys, JWKSNoMatchingKey } from 'jose/errors'
import { createRemoteJWKSet, customFetch } from 'jose/jwks/remote'
import type { JWTVerifyGetKey } from 'jose/jwt/verify'
import { Problem } from '../errors.ts'

/** How long the server of the keys may take, body and all. */
const timeoutMs = 3_000
/** After it the keys are fetched anew, so that a withdrawn one is forgotten. */
const freshMs = 10 * 60_000
/** How long keys are trusted that cannot be fetched anew: while the login is down, hardly a token outlives that. */
const trustedMs = 60 * 60_000
/**
 * An unknown `kid` has the keys fetched at once, but at most so often after the last success: anybody may make one up.
 * (While the login is down each of them asks it once more; the rate limit by address bounds that.)
 */
const cooldownMs = 10_000

/**
 * Finds the public key that a token names, among those at a URL (a JSON Web Key Set, RFC 7517), which an isolate keeps
 * from one request to the next. Nothing in a token says where keys are fetched.
 * @returns a function that throws Problem `auth_unavailable` where they cannot be had, JOSEError where none is meant
 */
export function remoteKeys(url: string): JWTVerifyGetKey {
  let askedAt = 0
  const keys = createRemoteJWKSet(new URL(url), {
    timeoutDuration: timeoutMs,
    cooldownDuration: cooldownMs,
    cacheMaxAge: trustedMs,
    [customFetch](input, init) {
      askedAt = Date.now()
      return fetch(input, init)
    },
  })
  return async (header, token) => {
    // Where that fails, those it has are good for a while.
    if (keys.fresh && Date.now() - askedAt >= freshMs) await keys.reload().catch(() => {})
    try {
      return await keys(header, token)
    } catch (cause) {
      if (cause instanceof JWKSNoMatchingKey || cause instanceof JWKSMultipleMatchingKeys)
        throw cause
      throw new Problem('auth_unavailable', { retryAfterSeconds: 5, cause })
    }
  }
}
