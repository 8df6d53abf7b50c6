import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { build } from 'esbuild'
import type { Browser, BrowserContextOptions, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { launchBrowser } from '../helpers/browser.ts'
import { startWorker, type TestWorker } from '../helpers/start-worker.ts'

let worker: TestWorker
let browser: Browser
/** What no test may cause: errors, violations of the page's policy, requests to other hosts. */
let troubles: string[] = []

beforeAll(async () => {
  worker = await startWorker()
  browser = await launchBrowser()
})

afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
  expect(troubles.splice(0)).toEqual([])
})

afterAll(async () => {
  await browser.close()
  await worker.close()
})

type Chat = Awaited<ReturnType<typeof visit>>

/** A new visitor on the demo page, with the chat open. */
async function visit(options: BrowserContextOptions & { url?: string; init?: () => void } = {}) {
  const { url = worker.url, init, ...contextOptions } = options
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    ...contextOptions,
  })
  // Shorter than a test's own limit, so that a failure names what was waited for.
  context.setDefaultTimeout(15_000)
  if (init) await context.addInitScript(init)
  const page = await context.newPage()
  const requests = watch(page, url)
  await page.goto(url)
  /** Until no reply is being written: what is read of one before may be half of it. */
  const settled = () => page.locator('.message.is-open').waitFor({ state: 'detached' })
  return {
    page,
    turns: () => requests.filter(isTurn).map((request) => request.postDataJSON()),
    requests,
    dialog: page.getByRole('dialog'),
    input: page.getByRole('textbox'),
    send: page.getByRole('button', { name: 'Send' }),
    retry: page.getByRole('button', { name: 'Try again' }),
    messages: page.locator('.message .body'),
    lastReply: page.locator('.assistant .body').last(),
    lastNote: page.locator('.assistant .note').last(),
    /** Sends once it is possible: not before the last turn has ended. */
    async say(text: string) {
      await page.getByRole('textbox').fill(text)
      await page.getByRole('button', { name: 'Send', disabled: false }).waitFor()
      await page.keyboard.press('Enter')
    },
    settled,
    async texts() {
      await settled()
      return page.locator('.message .body').allInnerTexts()
    },
  }
}

function watch(page: Page, url: string): Request[] {
  const requests: Request[] = []
  page.on('request', (request) => {
    requests.push(request)
    if (!request.url().startsWith(url)) troubles.push(`request to ${request.url()}`)
  })
  page.on('pageerror', (error) => troubles.push(`error: ${error.message}`))
  page.on('dialog', (dialog) => troubles.push(`dialog: ${dialog.message()}`))
  page.on('console', (message) => {
    const isRefusedByServer = message.text().includes('Failed to load resource')
    if (message.type() === 'error' && !isRefusedByServer) troubles.push(message.text())
  })
  return requests
}

const isTurn = (request: Request) => request.url().endsWith('/v1/chat')
const reply = (text: string) => `[[reply ${JSON.stringify(text)}]]`
const TEN = 'one two three four five six seven eight nine ten'

async function expectText(chat: Chat, text: string) {
  await chat.lastReply.getByText(text).first().waitFor()
}

test('the page forbids inline code, foreign code and HTML from strings, and the chat works there', async () => {
  const response = await fetch(worker.url)
  const policy = response.headers.get('content-security-policy')
  expect(policy).toContain("default-src 'self'; style-src 'self'; img-src 'none'")
  expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'")
  const chat = await visit()
  await chat.say(reply('**Here** I am'))
  await expectText(chat, 'Here I am')
  // The styles have come through: the panel is where it belongs.
  const box = await chat.dialog.boundingBox()
  expect(box).toMatchObject({ x: 860, width: 400 })
})

test('the chat opens by keyboard, takes the focus, and gives it back on Escape', async () => {
  const { page, dialog, input } = await visit({ viewport: { width: 900, height: 700 } })
  const launcher = page.getByRole('button', { name: 'Open chat' })
  await launcher.focus()
  await page.keyboard.press('Enter')
  expect(await dialog.getAttribute('aria-labelledby')).toBe('title')
  await page.getByRole('dialog', { name: 'Try it' }).waitFor()
  expect(await input.evaluate((element) => element.matches(':focus'))).toBe(true)
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  expect(await launcher.evaluate((element) => element.matches(':focus'))).toBe(true)
  expect(await launcher.getAttribute('aria-expanded')).toBe('false')
})

test('opened from the page, the focus goes back to the page', async () => {
  const { page, dialog } = await visit({ viewport: { width: 900, height: 700 } })
  const link = page.getByRole('link').first()
  await link.focus()
  await page.evaluate(() => document.querySelector('chatbot-widget')?.setAttribute('open', ''))
  await page.getByRole('button', { name: 'Close chat' }).first().click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await link.evaluate((element) => element === document.activeElement)).toBe(true)
})

test('a page that is only looked at asks the server for nothing', async () => {
  const { requests } = await visit({ viewport: { width: 900, height: 700 } })
  expect(requests.filter((request) => request.url().includes('/v1/'))).toEqual([])
})

test('a reply is shown while it is written, and spoken once, when it is whole', async () => {
  const chat = await visit()
  const spoken = await chat.page.evaluateHandle(() => {
    const root = document.querySelector('chatbot-widget')?.shadowRoot
    const status = root?.querySelector('[role=status]')
    const heard: string[] = []
    const observer = new MutationObserver(() => {
      if (status?.textContent) heard.push(status.textContent)
    })
    if (status) observer.observe(status, { childList: true, subtree: true, characterData: true })
    return heard
  })
  await chat.say(`${reply(TEN)} [[fault pace ms=150]]`)
  await expectText(chat, 'one two')
  expect(await chat.lastReply.innerText()).not.toContain('ten')
  expect(await chat.send.isDisabled()).toBe(true)
  // Typing goes on meanwhile; sending waits.
  await chat.input.fill('and then')
  await chat.page.keyboard.press('Enter')
  expect(await chat.input.inputValue()).toBe('and then')
  await expectText(chat, TEN)
  await chat.say(reply('And so on'))
  await chat.page.waitForFunction((heard) => heard.includes('And so on'), spoken)
  expect(await spoken.jsonValue()).toEqual([TEN, 'And so on'])
  expect(chat.turns()).toHaveLength(2)
})

test('a reply that was streamed, block by block, is the same when it is restored', async () => {
  const chat = await visit()
  await chat.say('Show me markdown')
  await expectText(chat, 'I am the offline model')
  await chat.settled()
  const streamed = await chat.lastReply.innerHTML()
  for (const tag of ['h3', 'strong', 'del', 'ul', 'ol', 'pre', 'blockquote', 'a']) {
    expect(streamed).toContain(`<${tag}`)
  }
  await chat.page.reload()
  await expectText(chat, 'I am the offline model')
  expect(await chat.lastReply.innerHTML()).toBe(streamed)
})

test('while a reply is written, what is on the page stays as it is', async () => {
  const chat = await visit()
  await chat.say(`${reply(TEN.repeat(3))} [[fault pace ms=60]]`)
  await expectText(chat, 'one')
  const removed = await chat.page.evaluateHandle(() => {
    const root = document.querySelector('chatbot-widget')?.shadowRoot
    const log = root?.querySelector('.messages')
    const names: string[] = []
    const observer = new MutationObserver((records) => {
      for (const { removedNodes } of records) {
        for (const node of removedNodes) names.push(node.nodeName)
      }
    })
    if (log) observer.observe(log, { childList: true, subtree: true })
    return names
  })
  await expectText(chat, TEN.repeat(3))
  expect(await removed.jsonValue()).toEqual([])
})

test('after a reload the conversation is there, and goes on in the same session', async () => {
  const chat = await visit()
  await chat.say('My name is Ada.')
  await expectText(chat, 'your name is Ada')
  const before = await chat.texts()
  await chat.page.reload()
  await chat.messages.nth(1).waitFor()
  expect(await chat.texts()).toEqual(before)
  await chat.say('What is my name?')
  await expectText(chat, 'Your name is Ada')
  const [first, second] = chat.turns()
  expect(first).toEqual({ message: 'My name is Ada.', message_id: expect.any(String) })
  expect(second).toMatchObject({ session_id: expect.any(String) })
  expect(chat.requests.filter((request) => request.url().endsWith('/v1/visitors'))).toHaveLength(1)
})

test('a reload while a reply is written loses nothing and doubles nothing', async () => {
  const chat = await visit()
  await chat.say(`${reply(TEN)} [[fault pace ms=100]]`)
  await expectText(chat, 'one two')
  await chat.page.reload()
  await expectText(chat, TEN)
  expect(await chat.messages.count()).toBe(2)
  expect(new Set(chat.turns().map(({ message_id }) => message_id)).size).toBe(1)
})

test('a failed reply is tried again as the same turn, also after a reload', async () => {
  const chat = await visit()
  await chat.say(
    `${reply('At last')} [[fault status status=500 times=2 id=${crypto.randomUUID()}]]`,
  )
  await chat.retry.click()
  await chat.lastNote.getByText('cannot be reached').waitFor()
  await chat.retry.waitFor()
  await chat.page.reload()
  await chat.retry.click()
  await expectText(chat, 'At last')
  expect(await chat.retry.count()).toBe(0)
  expect(await chat.messages.count()).toBe(2)
  const [first, ...others] = chat.turns()
  expect(others).toHaveLength(2)
  for (const { session_id: _session, ...body } of others) expect(body).toEqual(first)
})

test('an interrupted reply keeps its text and says so, also after a reload', async () => {
  const chat = await visit()
  await chat.say(`${reply(TEN)} [[fault cut after=3]]`)
  await chat.lastNote.getByText('This reply was cut off.').waitFor()
  expect(await chat.lastReply.innerText()).toBe('one two three')
  await chat.page.reload()
  await chat.lastNote.getByText('This reply was cut off.').waitFor()
  expect(await chat.lastReply.innerText()).toBe('one two three')
})

test('a connection lost in the middle of a reply is said, and the reply comes whole', async () => {
  const line = await startLine(worker.url)
  try {
    const chat = await visit({ url: line.url })
    await chat.say(`${reply(TEN)} [[fault pace ms=200]]`)
    await expectText(chat, 'one two')
    line.cut()
    await chat.lastNote.getByText('The connection was lost').waitFor()
    await expectText(chat, TEN)
    expect(await chat.messages.count()).toBe(2)
    expect(await chat.lastNote.isHidden()).toBe(true)
    await chat.page.reload()
    await expectText(chat, TEN)
    expect(await chat.messages.count()).toBe(2)
    expect(
      worker.model.requests.filter(({ messages }) => messages.at(-1)?.content.includes('ms=200')),
    ).toHaveLength(1)
  } finally {
    line.close()
  }
})

test('what is typed survives a reload', async () => {
  const { page, input, send } = await visit()
  await input.fill('half a sent')
  await page.reload()
  expect(await input.inputValue()).toBe('half a sent')
  expect(await send.isEnabled()).toBe(true)
})

test('a new chat is a new session, and the one that a reload shows', async () => {
  const chat = await visit()
  await chat.say(reply('The first'))
  await expectText(chat, 'The first')
  await chat.page.getByRole('button', { name: 'New chat' }).click()
  expect(await chat.messages.count()).toBe(0)
  await chat.say(reply('The second'))
  await expectText(chat, 'The second')
  await chat.page.reload()
  await expectText(chat, 'The second')
  expect(await chat.messages.count()).toBe(2)
  expect(chat.turns()[1]).not.toHaveProperty('session_id')
})

test('a session that is gone gives way to a new one', async () => {
  const chat = await visit()
  await chat.say(reply('The first'))
  await expectText(chat, 'The first')
  await chat.page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(':session'))
    if (key) localStorage.setItem(key, crypto.randomUUID())
  })
  await chat.page.reload()
  await chat.say(reply('The second'))
  await expectText(chat, 'The second')
  expect(await chat.messages.count()).toBe(2)
})

test('a long conversation shows its newest messages first, and the earlier ones on request', async () => {
  const chat = await visit()
  await chat.say(reply('reply 0'))
  await expectText(chat, 'reply 0')
  await chat.page.evaluate(async () => {
    const keys = Object.keys(localStorage)
    const [token, session] = [':token', ':session'].map((name) =>
      localStorage.getItem(keys.find((key) => key.endsWith(name)) ?? ''),
    )
    for (let turn = 1; turn <= 26; turn++) {
      await fetch('/v1/chat', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          session_id: session,
          message: `[[reply "reply ${turn}"]]`,
          history_limit: 0,
        }),
      })
    }
  })
  await chat.page.reload()
  await expectText(chat, 'reply 26')
  expect(await chat.messages.count()).toBe(50)
  await chat.page.getByRole('button', { name: 'Load earlier messages' }).click()
  await chat.messages.nth(53).waitFor()
  // The button is gone; who pressed it by keyboard goes on in the conversation.
  expect(await chat.page.getByRole('log').evaluate((log) => log.matches(':focus'))).toBe(true)
  const replies = await chat.page.locator('.assistant .body').allInnerTexts()
  expect(replies).toEqual(Array.from({ length: 27 }, (_, turn) => `reply ${turn}`))
  expect(await chat.page.getByRole('button', { name: 'Load earlier messages' }).count()).toBe(0)
})

const payloads = [
  '<img src=x onerror="globalThis.hacked=1">',
  '<script>globalThis.hacked=1</script>',
  '"><svg onload=globalThis.hacked=1>',
  '<iframe srcdoc="<script>parent.hacked=1</script>"></iframe>',
  '[a](javascript:globalThis.hacked=1) [b](data:text/html,x)',
  '![a](https://elsewhere.example/a.png) ![b](//elsewhere.example/b.png)',
  '<a href="javascript:globalThis.hacked=1">c</a>',
  '{{constructor.constructor("globalThis.hacked=1")()}}',
]

// Without the page's policy, so that it is the widget that holds.
test.each([{ bypassCSP: true }, { bypassCSP: false }])(
  'HTML and links to code are text, from the visitor and from the model, live and restored: %o',
  async (options) => {
    const chat = await visit(options)
    const text = payloads.join('\n\n')
    await chat.say(text)
    await expectText(chat, 'I was sent')
    await chat.say(reply(text))
    await expectText(chat, 'constructor.constructor')
    for (const moment of ['live', 'restored']) {
      expect((await chat.texts())[0], moment).toBe(text)
      expect(await chat.lastReply.innerText(), moment).toContain(payloads[0])
      const found = await chat.page.evaluate(() => {
        const root = document.querySelector('chatbot-widget')?.shadowRoot
        const log = root?.querySelector('.messages')
        return {
          tags: Array.from(
            new Set(Array.from(log?.querySelectorAll('*') ?? [], (element) => element.localName)),
          ),
          hrefs: Array.from(log?.querySelectorAll('a') ?? [], (link) => link.href),
          hacked: 'hacked' in globalThis,
        }
      })
      expect(found.hacked, moment).toBe(false)
      expect(found.tags, moment).not.toEqual(expect.arrayContaining(['img']))
      for (const tag of ['script', 'svg', 'iframe', 'img']) expect(found.tags).not.toContain(tag)
      expect(new Set(found.hrefs), moment).toEqual(new Set(['https://elsewhere.example/a.png']))
      await chat.page.reload()
      await chat.messages.nth(3).waitFor()
    }
  },
)

test('without storage and outside of a secure context the chat works until the page is left', async () => {
  const chat = await visit({
    init: () => {
      Object.defineProperty(globalThis, 'localStorage', {
        get() {
          throw new DOMException('Denied', 'SecurityError')
        },
      })
      Object.defineProperty(Crypto.prototype, 'randomUUID', { value: undefined })
    },
  })
  await chat.say('My name is Ada.')
  await expectText(chat, 'your name is Ada')
  await chat.say('What is my name?')
  await expectText(chat, 'Your name is Ada')
  expect(chat.turns()[0].message_id).toMatch(
    /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
  )
})

test('a message that is too long stays in the box, in words', async () => {
  const chat = await visit()
  await chat.say('a'.repeat(8_012))
  await chat.page.getByRole('alert').getByText('12 characters too long').waitFor()
  expect(await chat.input.inputValue()).toHaveLength(8_012)
  expect(chat.turns()).toEqual([])
})

test('a message that the server refuses comes back to the box', async () => {
  const chat = await visit()
  await chat.say('NUL: \0')
  await chat.page.getByRole('alert').getByText('must not contain NUL').waitFor()
  expect(await chat.input.inputValue()).toBe('NUL: \0')
  expect(await chat.messages.count()).toBe(0)
})

test('Shift + Enter begins a new line, and Enter that confirms a word of an input method sends nothing', async () => {
  const chat = await visit()
  await chat.input.fill('one')
  await chat.page.keyboard.press('Shift+Enter')
  await chat.page.keyboard.type('two')
  expect(await chat.input.inputValue()).toBe('one\ntwo')
  for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
    await chat.input.dispatchEvent('keydown', { key: 'Enter', ...init })
    expect(await chat.input.inputValue()).toBe('one\ntwo')
  }
  expect(chat.turns()).toEqual([])
})

test('on a phone the chat fills the screen and nothing is wider', async () => {
  const chat = await visit({
    viewport: { width: 390, height: 780 },
    isMobile: true,
    hasTouch: true,
  })
  await chat.page.getByRole('button', { name: 'Open chat' }).tap()
  await chat.say(reply(`${'wide'.repeat(60)}\n\n\`\`\`\n${'wide '.repeat(60)}\n\`\`\``))
  await expectText(chat, 'wide')
  expect(await chat.dialog.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 780 })
  const widths = await chat.page.evaluate(() => {
    const log = document.querySelector('chatbot-widget')?.shadowRoot?.querySelector('.log')
    return [document.documentElement.scrollWidth, log?.scrollWidth]
  })
  expect(Math.max(...widths.map(Number))).toBeLessThanOrEqual(390)
})

test('removed and put back, the widget shows the stored conversation once', async () => {
  const chat = await visit()
  await chat.say(`${reply(TEN)} [[fault pace ms=100]]`)
  await expectText(chat, 'one two')
  await chat.page.evaluate(() => {
    const widget = document.querySelector('chatbot-widget')
    widget?.remove()
    if (widget) document.body.append(widget)
  })
  await expectText(chat, TEN)
  expect(await chat.messages.count()).toBe(2)
  expect(await chat.dialog.count()).toBe(1)
})

test.each([
  [
    'a widget by hand',
    '<chatbot-widget title="By hand" open></chatbot-widget><script type="module" src="/widget.js" data-title="By script"></script>',
    ['By hand'],
  ],
  [
    'a script',
    '<script async type="module" src="/widget.js" data-title="By script" data-open></script>',
    ['By script'],
  ],
  ['data-auto="off"', '<script type="module" src="/widget.js" data-auto="off"></script>', []],
])('a page with %s has the widgets it asked for', async (_name, body, titles) => {
  const page = await browser.newPage()
  watch(page, worker.url)
  await page.route(`${worker.url}/host`, (route) =>
    route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>Host</title>${body}` }),
  )
  await page.goto(`${worker.url}/host`)
  await page.waitForFunction(() => customElements.get('chatbot-widget'))
  expect(await page.getByRole('dialog').getByRole('heading').allInnerTexts()).toEqual(titles)
})

test('the React component renders on a server and mounts one widget, also in strict mode', async () => {
  const host = `
    import { createElement, StrictMode } from 'react'
    import { createRoot } from 'react-dom/client'
    import { renderToString } from 'react-dom/server'
    import { ChatbotWidget } from './src/widget/react/ChatbotWidget.tsx'
    const app = createElement(StrictMode, null, createElement(ChatbotWidget, {
      server: location.origin + '/', title: 'By React', open: true }))
    globalThis.rendered = renderToString(app)
    globalThis.root = createRoot(document.querySelector('main'))
    root.render(app)`
  const { outputFiles } = await build({
    stdin: { contents: host, resolveDir: '.' },
    bundle: true,
    write: false,
    format: 'esm',
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  const page = await browser.newPage()
  watch(page, worker.url)
  await page.route(`${worker.url}/host`, (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: '<!doctype html><title>Host</title><main></main><script type="module" src="/host.js"></script>',
    }),
  )
  await page.route(`${worker.url}/host.js`, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: outputFiles[0]?.text ?? '' }),
  )
  await page.goto(`${worker.url}/host`)
  await page.getByRole('dialog', { name: 'By React' }).waitFor()
  expect(await page.getByRole('dialog').count()).toBe(1)
  expect(await page.evaluate('rendered')).toBe(
    `<chatbot-widget title="By React" server="${worker.url}/" open=""></chatbot-widget>`,
  )
  await page.evaluate('root.unmount()')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
})

/** A line to the server that can be cut: what is on it breaks off, and new connections go through. */
async function startLine(url: string) {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  const line = createServer((socket) => {
    const upstream = connect(Number(port), hostname)
    for (const end of [socket, upstream]) {
      sockets.add(end)
      end.on('error', () => {})
      end.on('close', () => {
        sockets.delete(end)
        socket.destroy()
        upstream.destroy()
      })
    }
    socket.pipe(upstream).pipe(socket)
  })
  await once(line.listen(0, '127.0.0.1'), 'listening')
  const address = line.address()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    close() {
      cut()
      line.close()
    },
  }
}
