import { randomUuid } from '../client/random-uuid.ts'
import type { SiteStore } from '../client/site-store.ts'

export interface TabNews {
  /** Tells the other tabs that this session has changed, or that this tab has moved to it. */
  publish: (session: string | undefined) => void
  stop: () => void
}

/**
 * News between the tabs that share a store. They carry only the session's id; each tab reads the content from the
 * server, with its own credential. A hidden tab, or one without a BroadcastChannel, gets the news when it is looked at
 * again, so that it causes no requests before.
 */
export function createTabNews(
  store: SiteStore,
  onNews: (session: string | undefined) => void,
): TabNews {
  let known = store.get('news')
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(store.key)
  const end = new AbortController()

  channel?.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    // Any script of the page can send on this channel, so validate the message.
    const { news, session }: { news?: unknown; session?: unknown } = Object(data)
    const isSession = session === undefined || typeof session === 'string'
    if (document.hidden || typeof news !== 'string' || !isSession) return
    known = news
    onNews(session)
  })
  document.addEventListener('visibilitychange', catchUp, end)
  addEventListener('focus', catchUp, end)

  function catchUp(): void {
    const news = store.get('news')
    if (document.hidden || news === known) return
    known = news
    onNews(store.get('session'))
  }

  return {
    publish(session) {
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
