import type { UserTokenProvider } from '../widget-types.ts'

/**
 * A name for the user in this browser's store, so that the next one to sign in here meets nothing
 * of theirs: a hash of the JWT's `sub`. Empty where nobody is signed in.
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
    // What is no JWT names its user by itself. Whom a provider that fails stands for is unknown.
    user ??= String(Math.random())
  }
  return hash(user)
}

/** FNV-1a: enough to tell the users of one browser apart, and nothing to be read back. */
function hash(text: string): string {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  }
  return (value >>> 0).toString(36)
}
