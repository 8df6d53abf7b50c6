import type { UserTokenProvider } from '../widget-types.ts'

/**
 * The name under which this browser stores the user's entries; empty where nobody is signed in. Where it cannot be
 * computed, it is a random one, so that no user meets another's entries.
 */
export async function loadUserKey(provider: UserTokenProvider): Promise<string> {
  const { userKey } = await import('./user-key.ts').catch(() => ({
    userKey: () => String(Math.random()),
  }))
  return userKey(provider)
}
