import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createSiteStore, type SiteStore } from '../../../../src/widget/client/site-store.ts'
import { createTabNews, type TabNews } from '../../../../src/widget/conversation/tab-news.ts'

interface Page extends EventTarget {
  hidden: boolean
}

/** Stands for the document and the window. The channels are real. */
let page: Page
const open: TabNews[] = []
/** Channels of one name are shared by the whole process, so each run has its own name. */
const site = `https://${crypto.randomUUID()}.example`

beforeEach(() => {
  page = Object.assign(new EventTarget(), { hidden: false })
  const entries = new Map<string, string>()
  vi.stubGlobal('document', page)
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => entries.set(key, value),
    removeItem: (key: string) => entries.delete(key),
  })
})

afterEach(() => {
  for (const news of open.splice(0)) news.stop()
  vi.unstubAllGlobals()
})

function openTab(store: SiteStore = createSiteStore(site)) {
  const received: (string | undefined)[] = []
  const news = createTabNews(store, (session) => void received.push(session))
  open.push(news)
  return { ...news, store, received }
}

function send(channel: BroadcastChannel, data: unknown): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of windows, not channels
  channel.postMessage(data)
}

/** A channel keeps the order, so after this message all earlier ones have arrived. */
async function settle(store = createSiteStore(site)): Promise<void> {
  const [from, to] = [new BroadcastChannel(store.key), new BroadcastChannel(store.key)]
  const arrived = new Promise((resolve) => to.addEventListener('message', resolve))
  send(from, 'settled')
  await arrived
  from.close()
  to.close()
}

test('tabs that share a store receive the news of each other, but not their own', async () => {
  const [one, two] = [openTab(), openTab()]
  one.publish('s1')
  await settle()
  two.publish(undefined)
  await settle()
  expect([one.received, two.received]).toEqual([[undefined], ['s1']])
})

test('a tab receives no news of another user', async () => {
  const [visitor, ada] = [openTab(), openTab(createSiteStore(site, 'ada'))]
  visitor.publish('s1')
  ada.publish('s2')
  await settle()
  await settle(ada.store)
  expect([visitor.received, ada.received]).toEqual([[], []])
})

test('a hidden tab receives news once, when it is looked at', async () => {
  const [one, two] = [openTab(), openTab()]
  page.hidden = true
  one.store.set('session', 's1')
  one.publish('s1')
  await settle()
  page.dispatchEvent(new Event('visibilitychange'))
  expect(two.received).toEqual([])
  page.hidden = false
  page.dispatchEvent(new Event('visibilitychange'))
  page.dispatchEvent(new Event('focus'))
  expect(two.received).toEqual(['s1'])
  // The tab that published the news knows it.
  expect(one.received).toEqual([])
})

test('without a BroadcastChannel a tab receives news when it is looked at', () => {
  vi.stubGlobal('BroadcastChannel', undefined)
  const [one, two] = [openTab(), openTab()]
  one.store.set('session', 's1')
  one.publish('s1')
  expect(two.received).toEqual([])
  page.dispatchEvent(new Event('focus'))
  expect([one.received, two.received]).toEqual([[], ['s1']])
})

test('malformed messages of other scripts on the channel are ignored', async () => {
  const tab = openTab()
  const channel = new BroadcastChannel(tab.store.key)
  for (const data of [null, 1, 'news', {}, { news: 1 }, { news: 'x', session: 7 }]) {
    send(channel, data)
  }
  await settle()
  channel.close()
  expect(tab.received).toEqual([])
})

test('a stopped tab receives no more news', async () => {
  const [one, two] = [openTab(), openTab()]
  two.stop()
  one.publish('s1')
  await settle()
  page.dispatchEvent(new Event('focus'))
  expect(two.received).toEqual([])
})
