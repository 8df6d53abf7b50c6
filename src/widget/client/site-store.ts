export type StoredName = 'token' | 'session' | 'draft' | 'quotation' | 'pending' | 'news' | 'claim'

export interface SiteStore {
  /** The prefix of all entries, and the name of the channel between tabs. */
  readonly key: string
  get(name: StoredName): string | undefined
  /** `undefined` removes the entry. */
  set(name: StoredName, value: string | undefined): void
}

/** The entries that localStorage refused, of all widgets on the page. They outlive a widget that is removed. */
const memory = new Map<string, string | undefined>()

/**
 * The widget's entries in this browser, for one server. Each signed-in `user` has separate entries. If localStorage
 * refuses an entry (blocked, full, sandboxed), it stays in memory until the page is closed.
 */
export function createSiteStore(server: string, user = ''): SiteStore {
  const key = `chatbot-widget:${server}${user && ` ${user}`}`
  const keyOf = (name: StoredName) => `${key}:${name}`
  return {
    key,
    get(name) {
      if (memory.has(keyOf(name))) return memory.get(keyOf(name))
      try {
        return localStorage.getItem(keyOf(name)) ?? undefined
      } catch {
        return undefined
      }
    },
    set(name, value) {
      try {
        if (value === undefined) localStorage.removeItem(keyOf(name))
        else localStorage.setItem(keyOf(name), value)
        memory.delete(keyOf(name))
      } catch {
        memory.set(keyOf(name), value)
      }
    },
  }
}
