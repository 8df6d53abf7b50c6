import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { expectText, reply, setUpSite, startLine } from '../rigs/visit-page.ts'

const site = setUpSite()
const { visit, watch } = site

const TEN = 'one two three four five six seven eight nine ten'

test('the page forbids inline code, foreign code and HTML from strings, and the chat works there', async () => {
  const response = await fetch(site.worker.url)
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
  await chat.say(`${reply(TEN)} [[fault pace ms=400]]`)
  await expectText(chat, 'one two')
  expect(await chat.lastReply.innerText()).not.toContain('ten')
  expect(await chat.send.isHidden()).toBe(true)
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
  // The colours of code come when their chunk is there.
  await chat.lastReply.locator('[class^="hljs-"]').first().waitFor()
  const streamed = await chat.lastReply.innerHTML()
  for (const tag of ['h3', 'strong', 'del', 'ul', 'ol', 'pre', 'blockquote', 'a']) {
    expect(streamed).toContain(`<${tag}`)
  }
  await chat.page.reload()
  await expectText(chat, 'I am the offline model')
  await chat.lastReply.locator('[class^="hljs-"]').first().waitFor()
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
  const line = await startLine(site.worker.url)
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
      site.worker.model.requests.filter(({ messages }) =>
        messages.at(-1)?.content.includes('ms=200'),
      ),
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
  const page = await site.browser.newPage()
  watch(page, site.worker.url)
  await page.route(`${site.worker.url}/host`, (route) =>
    route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>Host</title>${body}` }),
  )
  await page.goto(`${site.worker.url}/host`)
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
  const page = await site.browser.newPage()
  watch(page, site.worker.url)
  await page.route(`${site.worker.url}/host`, (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: '<!doctype html><title>Host</title><main></main><script type="module" src="/host.js"></script>',
    }),
  )
  await page.route(`${site.worker.url}/host.js`, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: outputFiles[0]?.text ?? '' }),
  )
  await page.goto(`${site.worker.url}/host`)
  await page.getByRole('dialog', { name: 'By React' }).waitFor()
  expect(await page.getByRole('dialog').count()).toBe(1)
  expect(await page.evaluate('rendered')).toBe(
    `<chatbot-widget server="${site.worker.url}/" title="By React" open=""></chatbot-widget>`,
  )
  await page.evaluate('root.unmount()')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
})
