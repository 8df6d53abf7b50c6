import type { UserTokenProvider } from '../widget-types.ts'

/**
 * The name under which this browser stores a user's entries, so that the next user of the same browser sees none of
 * them: a hash of the JWT's `sub`. Empty if nobody is signed in.
 */
export async function userKey(userToken: UserTokenProvider): Promise<string> {
  let user: string | undefined
  try {
    user = await userToken()
    if (!user) return ''
    const [, claims = ''] = user.split('.')
    const { sub }: { sub?: unknown } = JSON.parse(
      atob(claims.replaceAll('-', '+').replaceAll('_', '/')),
    )
    if (typeof sub === 'string') user = sub
  } catch {
    // A token that is not a JWT names its user itself. If the provider failed, the user is unknown.
    user ??= String(Math.random())
  }
  return hash(user)
}

/** FNV-1a. It need not be cryptographic: it only separates the users of one browser. */
function hash(text: string): string {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  }
  return (value >>> 0).toString(36)
}
