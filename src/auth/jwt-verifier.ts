import { JOSEAlgNotAllowed, JOSEError, JWTClaimValidationFailed, JWTExpired } from 'jose/errors'
import { type JWTVerifyGetKey, jwtVerify } from 'jose/jwt/verify'
import { unauthorized } from '../errors.ts'
import { isStorable } from '../stored-text.ts'
import { remoteKeys } from './remote-keys.ts'

export interface JwtSettings {
  /** Where the public keys of the site's login are. */
  jwksUrl: string | undefined
  /** What the site's own server signs with, as UTF-8. */
  secret: string | undefined
  /** What `iss` and `aud` must say; undefined: anything, or nothing. */
  issuer: string | undefined
  audience: string | undefined
}

/**
 * Checks a JWT (RFC 7519).
 * @returns the user: `user:` and its `sub`
 * @throws Problem `unauthorized`; `auth_unavailable` where nobody can tell at the moment
 */
export type JwtVerifier = (token: string) => Promise<string>

const secretAlgorithms = ['HS256', 'HS384', 'HS512']
const publicKeyAlgorithms =
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ')

/** Three parts of base64url (RFC 7515, 7.1): anything else is refused before it is decoded. */
const jwtFormat = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** A token is checked before anything else is known of its bearer: what that may cost is bounded. */
const maxTokenChars = 8_192
const maxSubChars = 255
/** Between the clock of who signs and this one's. */
const clockToleranceSeconds = 5

/** Undefined where the site has no login. */
export function createJwtVerifier({
  jwksUrl,
  secret,
  issuer,
  audience,
}: JwtSettings): JwtVerifier | undefined {
  // The algorithm that a token names chooses among these and does nothing else: no HMAC is ever checked with a public
  // key, and those that are not here, `none` among them, are refused before a key is looked for.
  const keysOf = new Map<string, JWTVerifyGetKey>()
  if (secret !== undefined) {
    const key = new TextEncoder().encode(secret)
    for (const algorithm of secretAlgorithms) keysOf.set(algorithm, () => Promise.resolve(key))
  }
  if (jwksUrl !== undefined) {
    const keys = remoteKeys(jwksUrl)
    for (const algorithm of publicKeyAlgorithms) keysOf.set(algorithm, keys)
  }
  if (keysOf.size === 0) return undefined

  const options = {
    algorithms: [...keysOf.keys()],
    requiredClaims: ['sub', 'exp'],
    clockTolerance: clockToleranceSeconds,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  }
  const findKey: JWTVerifyGetKey = (header, token) => {
    const keys = keysOf.get(header.alg)
    if (keys === undefined) throw new JOSEAlgNotAllowed()
    return keys(header, token)
  }
  return async (token) => {
    if (token.length > maxTokenChars || !jwtFormat.test(token)) throw refused()
    const { payload } = await jwtVerify(token, findKey, options).catch(throwProblem)
    const { sub } = payload
    if (!isUserName(sub)) throw refused({ hint: 'claim sub' })
    return `user:${sub}`
  }
}

function isUserName(sub: unknown): sub is string {
  return (
    typeof sub === 'string' && sub.trim() !== '' && sub.length <= maxSubChars && isStorable(sub)
  )
}

/** Of a token whose signature is right it may be told that it expired, so that the client asks for another. */
function throwProblem(error: unknown): never {
  if (error instanceof JWTExpired) throw unauthorized('The JWT has expired', { cause: error })
  if (error instanceof JWTClaimValidationFailed)
    throw refused({ hint: `claim ${error.claim}`, cause: error })
  if (error instanceof JOSEError) throw refused({ cause: error })
  throw error
}

/** To the caller all are one; the owner's log tells which claim of a token that was signed right is not. */
function refused(forLog?: Parameters<typeof unauthorized>[1]) {
  return unauthorized('The credential is neither a visitor token nor a JWT for this Worker', forLog)
}
