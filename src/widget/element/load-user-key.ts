import type { UserTokenProvider } from '../widget-types.ts'

/**
 * Loads `user-key.ts` and calls it. If the file cannot be loaded, the key is random, so that no user sees what another
 * user stored.
 */
export async function loadUserKey(provider: UserTokenProvider): Promise<string> {
  const { userKey } = await import('./user-key.ts').catch(() => ({
    userKey: () => String(Math.random()),
  }))
  return userKey(provider)
}
