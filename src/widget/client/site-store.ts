export type StoredName = 'token' | 'session' | 'draft' | 'quotation' | 'pending' | 'news'

export interface SiteStore {
  /** Whose entries these are: tabs talk to each other under this name. */
  readonly key: string
  get(name: StoredName): string | undefined
  /** `undefined` removes the entry. */
  set(name: StoredName, value: string | undefined): void
}

/** What localStorage refused, of all widgets of the page: it outlives each of them. */
const memory = new Map<string, string | undefined>()

/**
 * What the widget remembers in this browser about one server; for a signed-in `user` apart from
 * what it remembers of a visitor. Where localStorage refuses (blocked, full, sandboxed), the entry
 * lives in memory, until the page is left.
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
