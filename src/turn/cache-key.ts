import { base64url } from '../base64url.ts'

const keyChars = 32

/**
 * Names a session to the provider: the beginning of a SHA-256, since the id itself is the path of the session in this API,
 * and a provider may write the key to its logs.
 */
export async function cacheKeyOf(sessionId: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(sessionId))
  return base64url(String.fromCharCode(...new Uint8Array(hash))).slice(0, keyChars)
}
