import { JWKSMultipleMatchingKeys, JWKSNoMatchingKey } from 'jose/errors'
import { createRemoteJWKSet, customFetch } from 'jose/jwks/remote'
import type { JWTVerifyGetKey } from 'jose/jwt/verify'
import { Problem } from '../errors.ts'

/** How long the server of the keys may take, the body included. */
const timeoutMs = 3_000
/** After this time the keys are fetched again, so that a withdrawn key is forgotten. */
const freshMs = 10 * 60_000
/** How long keys are trusted if they cannot be fetched again. While the login is down, few tokens live longer. */
const trustedMs = 60 * 60_000
/**
 * An unknown `kid` makes the Worker fetch the keys at once, but not within this time of the last success, because
 * anybody may invent a `kid`. (While the login is down, each unknown `kid` costs a fetch; the rate limit by address
 * bounds that.)
 */
const cooldownMs = 10_000

/**
 * Finds the public key that a token names among the keys at a URL (a JSON Web Key Set, RFC 7517). An isolate keeps the
 * keys from one request to the next. Nothing in a token decides where keys are fetched from.
 * @returns a function that throws Problem `auth_unavailable` if the keys cannot be fetched, JOSEError if no key matches
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
    // If this fails, the keys that it has stay good for a while.
    if (keys.fresh && Date.now() - askedAt >= freshMs) await keys.reload().catch(() => {})
    try {
      return await keys(header, token)
    } catch (cause) {
      if (cause instanceof JWKSNoMatchingKey || cause instanceof JWKSMultipleMatchingKeys)
        throw cause
      const hint = 'the keys of the login were not fetched: check AUTH_JWKS_URL'
      throw new Problem('auth_unavailable', { retryAfterSeconds: 5, hint, cause })
    }
  }
}
