import { once } from 'node:events'
import { createServer } from 'node:http'
import { build } from 'esbuild'
import { SignJWT } from 'jose'
import type { Page } from 'playwright-core'
import { afterAll, expect, test } from 'vitest'
import { type HostPage, serveHostPage } from '../rigs/host-page.ts'
import { type Chat, chatOn, expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const SECRET = 'a-secret-that-only-this-test-knows-0123456789'

/** The page of a site that is not the Worker's. */
const elsewhere = createServer((_request, response) => {
  const { url } = site.worker
  response.writeHead(200, {
    'content-type': 'text/html',
    'content-security-policy': `default-src 'none'; script-src ${url}; connect-src ${url}; require-trusted-types-for 'script'; trusted-types 'none'`,
  })
  response.end(
    `<!doctype html><html lang="de"><title>Host</title><script type="module" src="${url}/widget.js" data-open></script>`,
  )
})
await once(elsewhere.listen(0, '127.0.0.1'), 'listening')
const address = elsewhere.address()
const elsewhereUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
afterAll(() => void elsewhere.close())

/** A loaded machine is slow; what is waited for comes all the same. */
const PATIENCE = { timeout: 15_000 }

const site = setUpSite({ vars: { AUTH_JWT_SECRET: SECRET, ALLOWED_ORIGINS: elsewhereUrl } })

/** The widget on a page of somebody else's; `init` runs before its scripts. */
async function visitHost(host: HostPage = {}, init = () => {}): Promise<Chat> {
  const viewport = { width: 1280, height: 800 }
  const context = await site.browser.newContext({ viewport, reducedMotion: 'reduce' })
  await context.addInitScript(init)
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const requests = site.watch(page, site.worker.url)
  await page.goto(await serveHostPage(site, page, host))
  await page.waitForFunction(() => customElements.get('chatbot-widget'))
  return chatOn(page, requests)
}

const byHand = (...widgets: string[]) =>
  `${widgets.map((attributes) => `<chatbot-widget ${attributes}></chatbot-widget>`).join('')}
  <script type="module" src="/widget.js" data-auto="off"></script>`

const signIn = (sub: string) =>
  new SignJWT({ sub })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET))

type Told = { type: string; detail: unknown }

/** Notes every event of the widget from now on. */
function listen(page: Page) {
  return page.evaluateHandle(() => {
    const told: Told[] = []
    const widget = document.querySelector('chatbot-widget')!
    const types = [
      'open',
      'close',
      'message',
      'reply-start',
      'reply-end',
      'error',
      'session-change',
    ]
    for (const type of types) {
      widget.addEventListener(type, (event) => {
        if (event instanceof CustomEvent) told.push({ type, detail: event.detail })
      })
    }
    return told
  })
}

test('every attribute can be given to the script, and changed later', async () => {
  const { page, dialog } = await visitHost({
    body: `<script type="module" src="/widget.js" data-title="One" data-greeting="Good day"
      data-placeholder="Your question" data-suggestions="What? | Why?" data-open></script>`,
  })
  await page.getByRole('dialog', { name: 'One' }).waitFor()
  await dialog.getByText('Good day').waitFor()
  await page.getByRole('textbox', { name: 'Your question' }).waitFor()
  await dialog.getByRole('button', { name: 'What?' }).waitFor()
  await dialog.getByRole('button', { name: 'Why?' }).waitFor()

  await page.evaluate(() => {
    const widget = document.querySelector('chatbot-widget')!
    widget.title = 'Two'
    widget.greeting = 'Good evening'
    widget.placeholder = 'Go on'
    widget.suggestions = ['How | where?']
  })
  await page.getByRole('dialog', { name: 'Two' }).waitFor()
  await dialog.getByText('Good evening').waitFor()
  await page.getByRole('textbox', { name: 'Go on' }).waitFor()
  await dialog.getByRole('button', { name: 'How | where?' }).waitFor()
  expect(await dialog.getByRole('button', { name: 'What?' }).count()).toBe(0)

  await page.evaluate(() => document.querySelector('chatbot-widget')!.removeAttribute('title'))
  await page.getByRole('dialog', { name: 'Chat' }).waitFor()
})

test('attributes and properties are the same thing, whichever is set', async () => {
  const { page } = await visitHost({ body: byHand('') })
  const read = await page.evaluate(() => {
    const widget = document.querySelector('chatbot-widget')!
    const empty = { server: widget.server, suggestions: widget.suggestions, inline: widget.inline }
    widget.server = '/there'
    widget.theme = 'dark'
    widget.name = 'second'
    widget.selection = 'off'
    widget.inline = true
    widget.setAttribute('suggestions', '["a", 1, "b|c"]')
    const { server, theme, name, selection, inline } = widget
    const names = ['server', 'theme', 'name', 'selection', 'inline']
    return {
      empty,
      properties: { server, theme, name, selection, inline },
      attributes: names.map((each) => widget.getAttribute(each)),
      suggestions: widget.suggestions,
    }
  })
  expect(read).toEqual({
    empty: { server: '', suggestions: [], inline: false },
    properties: { server: '/there', theme: 'dark', name: 'second', selection: 'off', inline: true },
    attributes: ['/there', 'dark', 'second', 'off', ''],
    suggestions: ['a', 'b|c'],
  })
})

test('what a framework assigns as the text of an attribute means what the attribute does', async () => {
  const { page } = await visitHost({ body: byHand('') })
  const read = await page.evaluate(() => {
    const widget = document.querySelector('chatbot-widget')!
    Object.assign(widget, { suggestions: '["a","b"]', inline: '' })
    const { suggestions, inline } = widget
    Object.assign(widget, { suggestions: null, inline: null })
    return { given: { suggestions, inline }, taken: [widget.suggestions, widget.inline] }
  })
  expect(read).toEqual({ given: { suggestions: ['a', 'b'], inline: true }, taken: [[], false] })
})

test('open and close are methods; what is assigned to open is the attribute', async () => {
  const { page, dialog } = await visitHost({ body: byHand('') })
  const call = (what: 'open' | 'close' | boolean | undefined) =>
    page.evaluate((asked) => {
      const widget = document.querySelector('chatbot-widget')!
      if (asked === 'open' || asked === 'close') widget[asked]()
      else widget.open = asked
      return widget.getAttribute('open')
    }, what)
  expect(await call('open')).toBe('')
  await dialog.waitFor()
  expect(await call('close')).toBeNull()
  await dialog.waitFor({ state: 'hidden' })
  expect(await call(true)).toBe('')
  await dialog.waitFor()
  expect(await call(undefined)).toBeNull()
  expect(await call('open')).toBe('')
  await dialog.waitFor()
})

test('what is assigned before the script has come is taken up', async () => {
  const early = '<script type="module" src="/early.js"></script>'
  const { page } = await visitHost({
    body: byHand('title="Early"').replace('<script', `${early}<script`),
    files: {
      '/early.js': {
        contentType: 'text/javascript',
        body: `const widget = document.querySelector('chatbot-widget')
          widget.greeting = 'I was early'; widget.open = true; widget.words = { send: 'Off it goes' }`,
      },
    },
  })
  await page.getByRole('dialog', { name: 'Early' }).getByText('I was early').waitFor()
  await page.getByRole('button', { name: 'Off it goes' }).waitFor()
})

test('a turn tells its events in order, on the element and nowhere else', async () => {
  const { page } = await visitHost({ body: byHand('') })
  const told = await listen(page)
  const heardByPage = await page.evaluateHandle(() => {
    const heard: string[] = []
    for (const type of ['message', 'error', 'open', 'close', 'reply-end']) {
      addEventListener(type, () => heard.push(type))
      document.body.addEventListener(type, () => heard.push(type))
    }
    return heard
  })
  await page.evaluate(async (text) => {
    const widget = document.querySelector('chatbot-widget')!
    widget.open()
    await widget.send(text)
    widget.close()
  }, reply('Here I am'))
  const events = await told.jsonValue()
  expect(events.map(({ type }) => type)).toEqual([
    'open',
    'message',
    'session-change',
    'reply-start',
    'reply-end',
    'close',
  ])
  const [, message, session, start, end] = events
  const id = expect.stringMatching(/^[\da-f-]{36}$/)
  expect(message?.detail).toEqual({ message: { id, content: reply('Here I am') } })
  expect(session?.detail).toEqual({ session_id: id })
  expect(start?.detail).toEqual({ session_id: id, reply_id: id })
  expect(end?.detail).toMatchObject({
    reply: { role: 'assistant', status: 'complete', content: 'Here I am' },
  })
  expect(await heardByPage.jsonValue()).toEqual([])
})

test('a failure is told with its code, and as the visitor reads it', async () => {
  const chat = await visitHost({ body: byHand('open') })
  const told = await listen(chat.page)
  await chat.say(`[[fault status status=500 times=9 id=${crypto.randomUUID()}]]`)
  await chat.retry.waitFor()
  const failures = (await told.jsonValue()).filter(({ type }) => type === 'error')
  expect(failures.map(({ detail }) => detail)).toEqual([
    {
      code: 'model_unavailable',
      message: 'The assistant cannot be reached just now.',
      retryable: true,
    },
  ])
})

test('newSession and setSession move between the sessions of the user', async () => {
  const chat = await visitHost({ body: byHand('open') })
  const { page } = chat
  await chat.say(reply('The first'))
  await expectText(chat, 'The first')
  await chat.settled()
  const told = await listen(page)
  await page.evaluate(async (text) => {
    const widget = document.querySelector('chatbot-widget')!
    await widget.newSession()
    await widget.send(text)
  }, reply('The second'))
  await expectText(chat, 'The second')
  expect(await chat.messages.count()).toBe(2)
  const [first, second] = chat.turns()
  expect(first).not.toHaveProperty('session_id')
  expect(second).not.toHaveProperty('session_id')

  const sessions = await page.evaluate(async () => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(':token'))!
    const response = await fetch('/v1/sessions', {
      headers: { authorization: `Bearer ${localStorage.getItem(key)}` },
    })
    const { data }: { data: { id: string }[] } = await response.json()
    return data.map(({ id }) => id)
  })
  expect(sessions).toHaveLength(2)
  await page.evaluate((id) => document.querySelector('chatbot-widget')!.setSession(id), sessions[1])
  await expectText(chat, 'The first')
  const changes = (await told.jsonValue()).filter(({ type }) => type === 'session-change')
  expect(changes.map(({ detail }) => detail)).toEqual([
    { session_id: undefined },
    { session_id: sessions[0] },
    { session_id: sessions[1] },
  ])
  await page.reload()
  await expectText(chat, 'The first')
})

test('a method of a widget that is on no page is refused', async () => {
  const { page } = await visitHost({ body: byHand('') })
  const refusal = await page.evaluate(() =>
    document
      .createElement('chatbot-widget')
      .send('Hello')
      .catch((error: Error) => error.message),
  )
  expect(refusal).toBe('This chatbot-widget is not on a page')
})

test('who signs in sees their own chat alone, and the visitor’s is there again after', async () => {
  const chat = await visitHost({ body: byHand('open') })
  const { page } = chat
  const setToken = (token: string | undefined) =>
    page.evaluate((next) => document.querySelector('chatbot-widget')!.setToken(next), token)
  const talk = async (words: string) => {
    await chat.say(reply(words))
    await expectText(chat, words)
    await chat.settled()
    await chat.input.fill(`draft of ${words}`)
  }
  const shown = async () => [...(await chat.texts()).slice(1), await chat.input.inputValue()]

  await talk('the visitor')
  await setToken(await signIn('ada'))
  await expect.poll(shown, PATIENCE).toEqual([''])
  await talk('ada')
  // At the next page view, another user is signed in.
  await page.reload()
  await setToken(await signIn('bob'))
  await expect.poll(shown, PATIENCE).toEqual([''])
  expect(await page.evaluate(() => document.body.innerText)).not.toContain('ada')
  await talk('bob')
  await setToken(await signIn('ada'))
  await expect.poll(shown, PATIENCE).toEqual(['ada', 'draft of ada'])
  await setToken(undefined)
  await expect.poll(shown, PATIENCE).toEqual(['the visitor', 'draft of the visitor'])
  const stored = await page.evaluate(() => JSON.stringify(localStorage))
  expect(stored).not.toContain(await signIn('ada').then((token) => token.split('.')[1]))
})

test('a provider is asked for the token, and who is not signed in is a visitor', async () => {
  const chat = await visitHost({ body: byHand('') })
  const { page } = chat
  await page.evaluate(
    (token) => {
      const widget = document.querySelector('chatbot-widget')!
      widget.userToken = () => Promise.resolve(token)
      widget.open()
    },
    await signIn('carol'),
  )
  await chat.say(reply('Signed in'))
  await expectText(chat, 'Signed in')
  await chat.settled()
  const paths = () => chat.requests.map((request) => new URL(request.url()).pathname)
  expect(paths()).not.toContain('/v1/visitors')

  await page.evaluate(() => document.querySelector('chatbot-widget')!.setToken(() => undefined))
  await expect.poll(() => chat.messages.count(), PATIENCE).toBe(0)
  await chat.say(reply('A visitor'))
  await expectText(chat, 'A visitor')
  expect(paths()).toContain('/v1/visitors')
})

test('two widgets of one page have conversations of their own', async () => {
  const { page } = await visitHost({
    body: byHand('id="a" title="A" open', 'id="b" name="b" title="B" theme="dark" dir="rtl" open'),
  })
  for (const id of ['a', 'b']) {
    await page.evaluate(
      async ([which, text]) =>
        (document.querySelector(`#${which}`) as HTMLElementTagNameMap['chatbot-widget']).send(
          text!,
        ),
      [id, reply(`I am ${id}`)],
    )
  }
  const texts = (id: string) => page.locator(`#${id} .assistant .body`).allInnerTexts()
  expect(await texts('a')).toEqual(['I am a'])
  expect(await texts('b')).toEqual(['I am b'])
  await page.locator('#b').getByRole('button', { name: 'Close chat' }).first().click()
  await page.getByRole('dialog', { name: 'B' }).waitFor({ state: 'hidden' })
  expect(await page.getByRole('dialog', { name: 'A' }).isVisible()).toBe(true)
  await page.reload()
  await page.locator('#a .assistant .body').waitFor()
  expect(await texts('a')).toEqual(['I am a'])
  await page.locator('#b .assistant .body').waitFor()
  expect(await texts('b')).toEqual(['I am b'])
})

test('inline, the chat stands in the page, in the box that the page gives it', async () => {
  const chat = await visitHost({
    css: 'body { margin: 0 } chatbot-widget { width: 500px; height: 420px; margin: 30px }',
    body: `<p>Before</p><script type="module" src="/widget.js" data-title="Here" data-inline></script><p>After</p>`,
  })
  const { page } = chat
  const panel = page.getByRole('region', { name: 'Here' })
  expect(await panel.boundingBox()).toMatchObject({ x: 30, width: 500, height: 420 })
  expect(await page.getByRole('dialog').count()).toBe(0)
  expect(await page.getByRole('button', { name: /(Open|Close) chat/ }).count()).toBe(0)
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  const order = await page.evaluate(() =>
    Array.from(document.body.children, (each) => each.localName),
  )
  expect(order).toEqual(['p', 'script', 'chatbot-widget', 'p'])
  await page.evaluate(() => (document.querySelector('chatbot-widget')!.inline = false))
  await page.getByRole('button', { name: 'Open chat' }).click()
  expect(await chat.dialog.boundingBox()).toMatchObject({ x: 860, width: 400 })
})

type Live = {
  listeners: number
  channels: number
  observers: number
  requests: number
  timers: number
}

/** Counts what outlives an element that is gone: on the page itself, and in the background. */
function countLive() {
  // The test's own driver listens too.
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

test('removed and added again, the widget leaves nothing behind', async () => {
  const chat = await visitHost({ body: byHand('open') }, countLive)
  const { page } = chat
  const live = () => page.evaluate<Live>('readLive()')
  const nothing: Live = { listeners: 0, channels: 0, observers: 0, requests: 0, timers: 0 }
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  // In the middle of a reply, at the end of one, and before anything was read.
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
  await expect.poll(live, PATIENCE).toEqual(nothing)
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
  await expect.poll(live, PATIENCE).toEqual(nothing)
})

test('a page of another origin, whose policy names the Worker, has the whole widget', async () => {
  const page = await site.browser.newPage()
  page.setDefaultTimeout(15_000)
  page.on('console', (message) => {
    if (message.type() === 'error') site.troubles.push(message.text())
  })
  await page.goto(elsewhereUrl)
  const chat = chatOn(page, [])
  await page.getByRole('button', { name: 'Senden' }).waitFor()
  await chat.input.fill(reply('Here I am'))
  await page.getByRole('button', { name: 'Senden', disabled: false }).click()
  await expectText(chat, 'Here I am')
  expect(await chat.dialog.boundingBox()).toMatchObject({ width: 400 })
})

/** A page whose script is this module, bundled with React. */
async function visitReact(app: string): Promise<Chat> {
  const { outputFiles } = await build({
    stdin: { contents: app, resolveDir: '.', loader: 'tsx' },
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  return visitHost({
    body: '<main></main><script type="module" src="/app.js"></script>',
    files: { '/app.js': { contentType: 'text/javascript', body: outputFiles[0]?.text ?? '' } },
  })
}

test('the React component passes properties and events on, with the functions of the last render', async () => {
  const chat = await visitReact(`
    import { createElement, StrictMode, useRef, useState } from 'react'
    import { createRoot } from 'react-dom/client'
    import ChatbotWidget from './src/widget/react/ChatbotWidget.tsx'
    globalThis.heard = []
    globalThis.renders = 0
    function App() {
      const [count, setCount] = useState(0)
      const [isThere, setThere] = useState(true)
      const widget = useRef(null)
      globalThis.element = () => widget.current
      globalThis.setThere = setThere
      globalThis.setCount = setCount
      globalThis.renders++
      const hear = (event) => heard.push([event.type, count])
      return isThere && <ChatbotWidget ref={widget} server={location.origin} title={'Count ' + count}
        open suggestions={['One?', 'Two?']} words={{ send: 'Go' }} lang="fr" theme="dark"
        onOpen={hear} onMessage={hear} onReplyStart={hear} onReplyEnd={hear} onSessionChange={hear} />
    }
    createRoot(document.querySelector('main')).render(<StrictMode><App /></StrictMode>)`)
  const { page } = chat
  await page
    .getByRole('dialog', { name: 'Count 0' })
    .getByRole('button', { name: 'Two?' })
    .waitFor()
  await page.getByRole('button', { name: 'Go' }).waitFor()
  await page.evaluate('setCount(1)')
  await page.getByRole('dialog', { name: 'Count 1' }).waitFor()
  await page.evaluate(`element().send(${JSON.stringify(reply('Here I am'))})`)
  expect(await page.evaluate('heard')).toEqual([
    ['message', 1],
    ['session-change', 1],
    ['reply-start', 1],
    ['reply-end', 1],
  ])
  await page.evaluate('setThere(false)')
  await chat.dialog.waitFor({ state: 'detached' })
  await page.evaluate('setThere(true)')
  await page.getByRole('dialog', { name: 'Count 1' }).waitFor()
  await expectText(chat, 'Here I am')
  expect(await chat.dialog.count()).toBe(1)
})

test('the React component speaks for the signed-in user', async () => {
  const chat = await visitReact(`
    import { createRoot } from 'react-dom/client'
    import ChatbotWidget from './src/widget/react/ChatbotWidget.tsx'
    const root = createRoot(document.querySelector('main'))
    globalThis.render = (token) => root.render(
      <ChatbotWidget key={token ?? ''} server={location.origin} open
        userToken={token && (() => Promise.resolve(token))} />)
    render()`)
  const { page } = chat
  await chat.say(reply('A visitor'))
  await expectText(chat, 'A visitor')
  await chat.settled()
  await page.evaluate(`render(${JSON.stringify(await signIn('dora'))})`)
  await expect.poll(() => chat.messages.count(), PATIENCE).toBe(0)
  await chat.say(reply('Signed in'))
  await expectText(chat, 'Signed in')
  await chat.settled()
  await page.evaluate('render()')
  await expectText(chat, 'A visitor')
})
