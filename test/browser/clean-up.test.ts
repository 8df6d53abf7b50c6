import { expect, test } from 'vitest'
import { byHand, visitHost } from '../rigs/host-page.ts'
import { expectText, patience, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

interface Live {
  listeners: number
  channels: number
  observers: number
  requests: number
  timers: number
}

/** Counts everything that could outlive a removed element: listeners, channels, observers, requests, timers. */
function countLive() {
  // Playwright adds listeners too.
  const isOfWidget = () => new Error().stack?.includes('/widget.js') === true
  const listeners = new Set<string>()
  const names = new WeakMap<object, number>()
  let count = 0
  const nameOf = (value: object) => {
    if (!names.has(value)) names.set(value, ++count)
    return names.get(value)
  }
  // oxlint-disable-next-line typescript/unbound-method -- called with its target
  const { addEventListener, removeEventListener } = EventTarget.prototype
  const isOfPage = (target: EventTarget) =>
    target === window || target === document || target === visualViewport
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    if (listener && isOfPage(this ?? window) && isOfWidget()) {
      const key = `${nameOf(this ?? window)} ${type} ${nameOf(listener)}`
      listeners.add(key)
      if (typeof options === 'object' && options.signal) {
        addEventListener.call(options.signal, 'abort', () => listeners.delete(key))
      }
    }
    addEventListener.call(this ?? window, type, listener, options)
  }
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    if (listener) listeners.delete(`${nameOf(this ?? window)} ${type} ${nameOf(listener)}`)
    removeEventListener.call(this ?? window, type, listener, options)
  }
  const channels = new Set<BroadcastChannel>()
  globalThis.BroadcastChannel = class extends BroadcastChannel {
    constructor(name: string) {
      super(name)
      channels.add(this)
    }
    override close() {
      channels.delete(this)
      super.close()
    }
  }
  const observers = new Set<MutationObserver>()
  globalThis.MutationObserver = class extends MutationObserver {
    override observe(target: Node, options?: MutationObserverInit) {
      if (isOfWidget()) observers.add(this)
      super.observe(target, options)
    }
    override disconnect() {
      observers.delete(this)
      super.disconnect()
    }
  }
  let requests = 0
  const { fetch, setTimeout, clearTimeout } = globalThis
  globalThis.fetch = async (...args) => {
    requests++
    try {
      const response = await fetch(...args)
      const { body } = response
      if (!body) return response
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      requests++
      void body
        .pipeTo(writable)
        .catch(() => {})
        .finally(() => requests--)
      return new Response(readable, response)
    } finally {
      requests--
    }
  }
  const timers = new Set<unknown>()
  Object.assign(globalThis, {
    setTimeout(run: () => void, ms?: number) {
      const timer = setTimeout(() => {
        timers.delete(timer)
        run()
      }, ms)
      if (isOfWidget()) timers.add(timer)
      return timer
    },
    clearTimeout(timer: number) {
      timers.delete(timer)
      clearTimeout(timer)
    },
    readLive: (): Live => ({
      listeners: listeners.size,
      channels: channels.size,
      observers: observers.size,
      requests,
      timers: timers.size,
    }),
  })
}

test('a removed widget leaves nothing behind, also after it was added again', async () => {
  const chat = await visitHost(site, { body: byHand('open') }, { init: countLive })
  const { page } = chat
  const live = () => page.evaluate<Live>('readLive()')
  const nothing: Live = { listeners: 0, channels: 0, observers: 0, requests: 0, timers: 0 }
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  // Removes it in the middle of a reply, after a reply, and before it has read anything.
  await chat.say(`${reply('one two three four five six seven eight')} [[fault pace ms=400]]`)
  await expectText(chat, 'one two')
  const inUse = await live()
  expect(inUse.listeners).toBeGreaterThan(0)
  expect(inUse.observers).toBeGreaterThan(0)
  expect(inUse.requests).toBeGreaterThan(0)
  const remove = () =>
    page.evaluate(() => {
      const widget = document.querySelector('chatbot-widget')!
      Object.assign(globalThis, { widget })
      widget.remove()
    })
  const add = () => page.evaluate('document.body.append(widget)')
  await remove()
  await expect.poll(live, patience).toEqual(nothing)
  await add()
  await expectText(chat, 'seven eight')
  await chat.settled()
  for (let time = 0; time < 5; time++) {
    await remove()
    await add()
  }
  await expectText(chat, 'seven eight')
  expect(await live()).toMatchObject({
    listeners: inUse.listeners,
    observers: inUse.observers,
    channels: inUse.channels,
  })
  await remove()
  await expect.poll(live, patience).toEqual(nothing)
})
