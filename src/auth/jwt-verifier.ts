import { JOSEAlgNotAllowed, JOSEError, JWTClaimValidationFailed, JWTExpired } from 'jose/errors'
import { type JWTVerifyGetKey, jwtVerify } from 'jose/jwt/verify'
import { unauthorized } from '../errors.ts'
import { isStorable } from '../stored-text.ts'
import { remoteKeys } from './remote-keys.ts'

export interface JwtSettings {
  /** The URL of the public keys of the site's login. */
  jwksUrl: string | undefined
  /** The secret with which the site's own server signs, as UTF-8. */
  secret: string | undefined
  /** The required values of `iss` and `aud`; undefined: any value, or none. */
  issuer: string | undefined
  audience: string | undefined
}

/**
 * Checks a JWT (RFC 7519).
 * @returns the user: `user:` and the token's `sub`
 * @throws Problem `unauthorized`; `auth_unavailable` if the keys cannot be fetched at the moment
 */
export type JwtVerifier = (token: string) => Promise<string>

const secretAlgorithms = ['HS256', 'HS384', 'HS512']
const publicKeyAlgorithms =
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ')

/** Three parts in base64url (RFC 7515, 7.1). Anything else is refused before it is decoded. */
const jwtFormat = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** Bounds the cost of checking a token, because anybody may send one. */
const maxTokenChars = 8_192
const maxSubChars = 255
/** The clock of the signer may differ from this one by as much. */
const clockToleranceSeconds = 5

/** Undefined if the site has no login. */
export function createJwtVerifier({
  jwksUrl,
  secret,
  issuer,
  audience,
}: JwtSettings): JwtVerifier | undefined {
  // The algorithm that a token names only chooses one of these keys. So an HMAC is never checked with a public key, and
  // any other algorithm, such as `none`, is refused before a key is looked for.
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

/** Reports that a token has expired only if its signature is right, so that the client gets a new one. */
function throwProblem(error: unknown): never {
  if (error instanceof JWTExpired) throw unauthorized('The JWT has expired', { cause: error })
  if (error instanceof JWTClaimValidationFailed)
    throw refused({ hint: `claim ${error.claim}`, cause: error })
  if (error instanceof JOSEError) throw refused({ cause: error })
  throw error
}

/** The caller gets the same answer in all cases. The owner's log names the claim that is wrong in a token that is signed right. */
function refused(forLog?: Parameters<typeof unauthorized>[1]) {
  return unauthorized('The credential is neither a visitor token nor a JWT for this Worker', forLog)
}
