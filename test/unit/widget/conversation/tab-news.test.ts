import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createSiteStore, type SiteStore } from '../../../../src/widget/client/site-store.ts'
import { createTabNews, type TabNews } from '../../../../src/widget/conversation/tab-news.ts'

interface Page extends EventTarget {
  hidden: boolean
}

/** What a page has of a browser here; the channels are real ones. */
let page: Page
const open: TabNews[] = []
/** Names of channels reach through all of this process. */
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
  const heard: (string | undefined)[] = []
  const news = createTabNews(store, (session) => void heard.push(session))
  open.push(news)
  return { ...news, store, heard }
}

function say(channel: BroadcastChannel, data: unknown): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of windows, not channels
  channel.postMessage(data)
}

/** Once this has come through a channel, all that was said before it has. */
async function settle(store = createSiteStore(site)): Promise<void> {
  const [from, to] = [new BroadcastChannel(store.key), new BroadcastChannel(store.key)]
  const arrived = new Promise((resolve) => to.addEventListener('message', resolve))
  say(from, 'settled')
  await arrived
  from.close()
  to.close()
}

test('tabs that share a store hear each other, and no tab hears itself', async () => {
  const [one, two] = [openTab(), openTab()]
  one.tell('s1')
  await settle()
  two.tell(undefined)
  await settle()
  expect([one.heard, two.heard]).toEqual([[undefined], ['s1']])
})

test('what one user does is never heard in a tab of another', async () => {
  const [visitor, ada] = [openTab(), openTab(createSiteStore(site, 'ada'))]
  visitor.tell('s1')
  ada.tell('s2')
  await settle()
  await settle(ada.store)
  expect([visitor.heard, ada.heard]).toEqual([[], []])
})

test('a hidden tab hears of news when it is looked at, once', async () => {
  const [one, two] = [openTab(), openTab()]
  page.hidden = true
  one.store.set('session', 's1')
  one.tell('s1')
  await settle()
  page.dispatchEvent(new Event('visibilitychange'))
  expect(two.heard).toEqual([])
  page.hidden = false
  page.dispatchEvent(new Event('visibilitychange'))
  page.dispatchEvent(new Event('focus'))
  expect(two.heard).toEqual(['s1'])
  // The one that told it knows.
  expect(one.heard).toEqual([])
})

test('without a BroadcastChannel news are heard when the tab is looked at', () => {
  vi.stubGlobal('BroadcastChannel', undefined)
  const [one, two] = [openTab(), openTab()]
  one.store.set('session', 's1')
  one.tell('s1')
  expect(two.heard).toEqual([])
  page.dispatchEvent(new Event('focus'))
  expect([one.heard, two.heard]).toEqual([[], ['s1']])
})

test('other scripts of the page that speak there are not believed', async () => {
  const tab = openTab()
  const channel = new BroadcastChannel(tab.store.key)
  for (const data of [null, 1, 'news', {}, { news: 1 }, { news: 'x', session: 7 }]) {
    say(channel, data)
  }
  await settle()
  channel.close()
  expect(tab.heard).toEqual([])
})

test('a tab that is gone hears nothing more', async () => {
  const [one, two] = [openTab(), openTab()]
  two.stop()
  one.tell('s1')
  await settle()
  page.dispatchEvent(new Event('focus'))
  expect(two.heard).toEqual([])
})
