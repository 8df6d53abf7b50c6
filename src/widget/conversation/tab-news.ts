import { randomUuid } from '../client/random-uuid.ts'
import type { SiteStore } from '../client/site-store.ts'

export interface TabNews {
  /** Lets the other tabs know that the session has changed, or that this tab went to another. */
  tell: (session: string | undefined) => void
  stop: () => void
}

/**
 * News between the tabs of a site that share a store: which session to look at, and nothing of
 * what it holds; that is read from the server, by whoever may. A hidden tab hears of it when it is
 * looked at again, so that it costs nothing before; and so does one without a BroadcastChannel.
 */
export function createTabNews(
  store: SiteStore,
  hear: (session: string | undefined) => void,
): TabNews {
  let known = store.get('news')
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(store.key)
  const end = new AbortController()

  channel?.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    // Any script of the page may speak there.
    const { news, session }: { news?: unknown; session?: unknown } = Object(data)
    const isSession = session === undefined || typeof session === 'string'
    if (document.hidden || typeof news !== 'string' || !isSession) return
    known = news
    hear(session)
  })
  document.addEventListener('visibilitychange', catchUp, end)
  addEventListener('focus', catchUp, end)

  function catchUp(): void {
    const news = store.get('news')
    if (document.hidden || news === known) return
    known = news
    hear(store.get('session'))
  }

  return {
    tell(session) {
      known = randomUuid()
      store.set('news', known)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of windows, not channels
      channel?.postMessage({ news: known, session })
    },
    stop() {
      end.abort()
      channel?.close()
    },
  }
}
