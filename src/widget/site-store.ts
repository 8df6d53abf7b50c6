export type StoredName = 'token' | 'session' | 'draft' | 'pending'

export type SiteStore = {
  get(name: StoredName): string | undefined
  /** `undefined` removes the entry. */
  set(name: StoredName, value: string | undefined): void
}

/**
 * What the widget remembers in this browser about one server. Where localStorage refuses (blocked,
 * full, sandboxed), the entry lives in memory, until the page is left.
 */
export function createSiteStore(server: string): SiteStore {
  const memory = new Map<StoredName, string | undefined>()
  const keyOf = (name: StoredName) => `chatbot-widget:${server}:${name}`
  return {
    get(name) {
      if (memory.has(name)) return memory.get(name)
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
        memory.delete(name)
      } catch {
        memory.set(name, value)
      }
    },
  }
}
