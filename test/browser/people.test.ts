import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { type HostPage, serveHostPage } from '../rigs/host-page.ts'
import { type Chat, chatOn, expectText, reply, setUpSite } from '../rigs/visit-page.ts'

/** A loaded machine is slow; what is waited for comes all the same. */
const PATIENCE = { timeout: 15_000 }

const site = setUpSite()
const PHONE = { width: 390, height: 780 }

/** The widget on a page of somebody else's. */
async function visitHost(
  host: HostPage = {},
  { size = { width: 1280, height: 800 }, init = () => {} } = {},
): Promise<Chat> {
  // What is measured stands still.
  const context = await site.browser.newContext({ viewport: size, reducedMotion: 'reduce' })
  await context.addInitScript(init)
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const requests = site.watch(page, site.worker.url)
  await page.goto(await serveHostPage(site, page, host))
  await page.locator('.launcher').waitFor({ state: 'attached' })
  return chatOn(page, requests)
}

const script = (attributes = '') =>
  `<script type="module" src="/widget.js" data-title="Host" ${attributes}></script>`

/** The style that a part of the widget has. */
function styleOf<Name extends keyof CSSStyleDeclaration>(page: Page, part: string, name: Name) {
  return page
    .locator(part)
    .first()
    .evaluate((element, property) => getComputedStyle(element)[property], name)
}

const measured = ['.launcher', '.panel', 'header', 'h2', '.log', 'textarea', '.send', '.user .body']

/** Where the parts are, and how they read. */
function measure({ page }: Chat) {
  return page.evaluate((parts) => {
    const root = document.querySelector('chatbot-widget')?.shadowRoot
    return parts.map((part) => {
      const element = root?.querySelector(part)
      if (!element) throw new Error(`no ${part}`)
      const { x, y, width, height } = element.getBoundingClientRect()
      const { fontSize, lineHeight, color, opacity, letterSpacing, textTransform, visibility } =
        getComputedStyle(element)
      const style = { fontSize, lineHeight, color, opacity, letterSpacing, textTransform }
      return { part, box: { x, y, width, height }, style: { ...style, visibility } }
    })
  }, measured)
}

async function converse(chat: Chat): Promise<void> {
  await chat.page.getByRole('button', { name: 'Open chat' }).click()
  await chat.input.click()
  await chat.page.keyboard.type(reply('Here I am'))
  await chat.send.click()
  await expectText(chat, 'Here I am')
  await chat.settled()
}

test.each([
  ['resets everything', '* { all: unset !important }'],
  [
    'has rules for every element',
    `button, div, section, header, textarea, ol, li, p, h2, form, svg, span, chatbot-widget {
      display: inline !important; width: 3px !important; opacity: 0.1 !important;
      position: static !important; color: red !important; padding: 40px !important;
      font: 40px/3 monospace !important; visibility: hidden !important;
      pointer-events: none !important; letter-spacing: 9px !important;
    }`,
  ],
  [
    'moves, clips, scales and blurs itself',
    `html { font-size: 480% !important; transform: translate(40px, 90px) rotate(4deg); contain: paint }
    body { display: grid; gap: 80px; transform: scale(0.5); filter: blur(3px); overflow: hidden;
      height: 40px; width: 200px; opacity: 0.2; text-transform: uppercase; word-spacing: 30px;
      letter-spacing: 0.5em; line-height: 4; cursor: none; user-select: none; clip-path: inset(0) }`,
  ],
  [
    'covers itself with what is above all',
    `.overlay { position: fixed; inset: 0; z-index: 2147483647; background: gold }
    chatbot-widget { position: relative; z-index: -1; transform: translateX(-2000px); overflow: hidden }`,
  ],
])('on a page that %s the widget looks and works as on any other', async (_name, css) => {
  const body = `<div class="overlay"></div>${script()}`
  const plain = await visitHost({ body })
  await converse(plain)
  const hostile = await visitHost({ body, css })
  await converse(hostile)
  expect(await measure(hostile)).toEqual(await measure(plain))
  expect(await hostile.dialog.boundingBox()).toMatchObject({ x: 860, width: 400 })
  await hostile.page.getByRole('button', { name: 'Close chat' }).first().click()
  await hostile.dialog.waitFor({ state: 'hidden' })
})

test('a page sets the colours and sizes of the widget, and styles its parts', async () => {
  const { page, dialog } = await visitHost({
    body: script('data-open'),
    css: `
      chatbot-widget { --chatbot-accent: rgb(120, 0, 60); --chatbot-width: 320px; --chatbot-gap: 32px }
      chatbot-widget::part(header) { background: rgb(1, 2, 3) }
      chatbot-widget::part(launcher) { border-radius: 6px }`,
  })
  expect(await dialog.boundingBox()).toMatchObject({ x: 1280 - 320 - 32, width: 320 })
  expect(await styleOf(page, '.launcher', 'backgroundColor')).toBe('rgb(120, 0, 60)')
  expect(await styleOf(page, '.launcher', 'borderRadius')).toBe('6px')
  expect(await styleOf(page, 'header', 'backgroundColor')).toBe('rgb(1, 2, 3)')
})

test('every part that a page can style is there', async () => {
  const chat = await visitHost()
  await converse(chat)
  const parts = await chat.page.evaluate(() => {
    const root = document.querySelector('chatbot-widget')?.shadowRoot
    const elements = Array.from(root?.querySelectorAll('[part]') ?? [])
    return Array.from(new Set(elements.flatMap((element) => Array.from(element.part)))).toSorted()
  })
  expect(parts).toEqual([
    'assistant-message',
    'composer',
    'header',
    'input',
    'launcher',
    'log',
    'message',
    'panel',
    'send',
    'title',
    'user-message',
  ])
})

const LIGHT = 'rgb(255, 255, 255)'
const DARK = 'rgb(22, 24, 28)'

test('the theme is the attribute’s, else the page’s, else the system’s, at any time', async () => {
  const { page } = await visitHost({ body: script('data-open') })
  const ground = () => styleOf(page, '.panel', 'backgroundColor')
  const setPage = (theme: string) =>
    page.evaluate((name) => (document.documentElement.dataset['theme'] = name), theme)
  const setAttribute = (theme: string) =>
    page.evaluate((name) => (document.querySelector('chatbot-widget')!.theme = name), theme)

  await page.emulateMedia({ colorScheme: 'dark' })
  expect(await ground()).toBe(DARK)
  await page.emulateMedia({ colorScheme: 'light' })
  expect(await ground()).toBe(LIGHT)
  await setPage('dark')
  await expect.poll(ground, PATIENCE).toBe(DARK)
  await setAttribute('light')
  expect(await ground()).toBe(LIGHT)
  await page.emulateMedia({ colorScheme: 'dark' })
  expect(await ground()).toBe(LIGHT)
  await setPage('light')
  await setAttribute('dark')
  expect(await ground()).toBe(DARK)
  await setAttribute('auto')
  expect(await ground()).toBe(LIGHT)
  await setPage('sepia')
  await expect.poll(ground, PATIENCE).toBe(DARK)
})

test('nothing moves for who wants no motion', async () => {
  const { page } = await visitHost({ body: script('data-open') })
  const animation = () => styleOf(page, '.panel', 'animationName')
  await page.emulateMedia({ reducedMotion: 'no-preference' })
  expect(await animation()).toBe('enter')
  await page.emulateMedia({ reducedMotion: 'reduce' })
  const moving = await page.evaluate(() => {
    const root = document.querySelector('chatbot-widget')!.shadowRoot!
    return Array.from(root.querySelectorAll('*'), (element) => getComputedStyle(element)).filter(
      (style) => style.animationName !== 'none' || style.transitionDuration !== '0s',
    ).length
  })
  expect(moving).toBe(0)
})

test('with forced colours, buttons and messages keep an outline', async () => {
  const chat = await visitHost()
  await chat.page.emulateMedia({ forcedColors: 'active' })
  await converse(chat)
  for (const part of ['.launcher', '.send', '.user .body', '.assistant .body', 'textarea']) {
    expect(await styleOf(chat.page, part, 'borderTopWidth'), part).toBe('1px')
    expect(await styleOf(chat.page, part, 'borderTopColor'), part).not.toBe(
      await styleOf(chat.page, '.panel', 'backgroundColor'),
    )
  }
})

/** A visual viewport that a test moves, as a phone's keyboard does. */
function installViewport() {
  const viewport = Object.assign(new EventTarget(), {
    scale: 1,
    offsetTop: 0,
    offsetLeft: 0,
    width: innerWidth,
    height: innerHeight,
  })
  Object.defineProperty(globalThis, 'visualViewport', { value: viewport })
}

test('on a phone the chat stays above the keyboard, and the last words in sight', async () => {
  const chat = await visitHost({}, { size: PHONE, init: installViewport })
  const { page, dialog } = chat
  const move = (change: { height: number; offsetTop: number; scale?: number }) =>
    page.evaluate((next) => {
      Object.assign(visualViewport!, next)
      visualViewport!.dispatchEvent(new Event('resize'))
    }, change)
  await converse(chat)
  await chat.say(reply(Array.from({ length: 60 }, (_, line) => `line ${line}`).join('\n\n')))
  await expectText(chat, 'line 59')
  await chat.settled()
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 0, ...PHONE })

  await move({ height: 400, offsetTop: 0 })
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 400 })
  await move({ height: 400, offsetTop: 90 })
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 90, width: 390, height: 400 })
  const input = await chat.input.boundingBox()
  expect(input!.y + input!.height).toBeLessThanOrEqual(490)
  const last = await chat.lastReply.getByText('line 59').boundingBox()
  expect(last!.y + last!.height).toBeLessThan(input!.y)

  await move({ height: 300, offsetTop: 50, scale: 2 })
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 0, ...PHONE })
  await move({ height: 780, offsetTop: 0, scale: 1 })
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 0, ...PHONE })
})

test('beside a keyboard on a tablet the panel shrinks to what is to be seen', async () => {
  const size = { width: 820, height: 700 }
  const { page, dialog } = await visitHost(
    { body: script('data-open') },
    { size, init: installViewport },
  )
  await page.evaluate(() => {
    Object.assign(visualViewport!, { height: 450, offsetTop: 30 })
    visualViewport!.dispatchEvent(new Event('scroll'))
  })
  const box = await dialog.boundingBox()
  expect(box!.y).toBeGreaterThanOrEqual(30)
  expect(box!.y + box!.height).toBeLessThanOrEqual(480)
})

test('on a phone the button behind the open chat is not in the way of the keyboard', async () => {
  const { page, dialog } = await visitHost({ body: script('data-open') }, { size: PHONE })
  expect(await page.locator('.launcher').isVisible()).toBe(false)
  await page.getByRole('button', { name: 'Close chat' }).click()
  await dialog.waitFor({ state: 'hidden' })
  const launcher = page.getByRole('button', { name: 'Open chat' })
  expect(await launcher.isVisible()).toBe(true)
})

test.each([
  ['of the page', { html: 'lang="en" dir="rtl"' }],
  ['of the widget', { body: script('data-dir="rtl"') }],
])('right to left, by the direction %s, everything is mirrored', async (_name, host) => {
  const ltr = await visitHost()
  await converse(ltr)
  const rtl = await visitHost(host)
  await converse(rtl)
  const mirror = (boxes: Awaited<ReturnType<typeof measure>>) =>
    boxes.map(({ part, box: { x, width, ...rest } }) => ({
      part,
      box: { x: 1280 - x - width, width, ...rest },
    }))
  const boxes = (await measure(ltr)).map(({ part, box }) => ({ part, box }))
  expect(mirror(await measure(rtl))).toEqual(boxes)
})

test('each message runs in the direction of its own words', async () => {
  const chat = await visitHost()
  await chat.page.getByRole('button', { name: 'Open chat' }).click()
  await chat.say(reply('שלום, מה שלומך?'))
  await expectText(chat, 'שלום')
  const directions = await chat.messages.evaluateAll((bodies) =>
    bodies.map((body) => getComputedStyle(body).direction),
  )
  expect(directions).toEqual(['ltr', 'rtl'])
  await chat.input.fill('مرحبا')
  expect(await styleOf(chat.page, 'textarea', 'direction')).toBe('rtl')
})

/** The files of words that were loaded. */
const languages = ({ requests }: Chat) =>
  requests.flatMap((request) => /\/chunks\/([a-z]{2})\.js$/.exec(request.url())?.[1] ?? [])

test('the widget speaks the language of its page, and loads no other', async () => {
  const german = await visitHost({ html: 'lang="de-AT"' })
  await german.page.getByRole('button', { name: 'Chat öffnen' }).click()
  expect(await styleOf(german.page, '.panel', 'direction')).toBe('ltr')
  expect(languages(german)).toEqual(['de'])
  const english = await visitHost()
  await english.page.getByRole('button', { name: 'Open chat' }).click()
  expect(languages(english)).toEqual([])
  const unknown = await visitHost({ html: 'lang="tlh"' })
  await unknown.page.getByRole('button', { name: 'Open chat' }).click()
  expect(languages(unknown)).toEqual([])
})

test('the language changes with the page’s or the widget’s, and what was typed stays', async () => {
  const chat = await visitHost({ body: script('data-open') })
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  await chat.input.fill('half a sent')
  await chat.page.evaluate(() => (document.documentElement.lang = 'fr'))
  await chat.page.getByRole('button', { name: 'Nouvelle conversation' }).waitFor()
  await expectText(chat, 'Here I am')
  expect(await chat.input.inputValue()).toBe('half a sent')
  await chat.page.evaluate(() => (document.querySelector('chatbot-widget')!.lang = 'ja'))
  await chat.page.getByRole('button', { name: '新しいチャット' }).waitFor()
  expect(await chat.input.inputValue()).toBe('half a sent')
  expect(await chat.dialog.count()).toBe(1)
})

test('Arabic words turn the widget, on a page that runs from left to right', async () => {
  const { page, dialog } = await visitHost({ body: script('data-open data-lang="ar"') })
  await dialog.waitFor()
  expect(await styleOf(page, '.panel', 'direction')).toBe('rtl')
  expect(await dialog.boundingBox()).toMatchObject({ x: 20 })
})

test('a page gives words of its own, beside those of the language', async () => {
  const { page } = await visitHost({ html: 'lang="es"' })
  await page.evaluate(() => {
    document.querySelector('chatbot-widget')!.words = { open: '¿Dudas?' }
  })
  await page.getByRole('button', { name: '¿Dudas?' }).click()
  await page.getByRole('button', { name: 'Enviar' }).waitFor()
})

test('a language that cannot be loaded leaves English', async () => {
  const { page } = await visitHost({
    html: 'lang="pt-BR"',
    files: { '/chunks/pt.js': { contentType: 'text/javascript', body: 'throw new Error()' } },
  })
  await page.getByRole('button', { name: 'Open chat' }).waitFor()
})

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

test.each(['light', 'dark'] as const)(
  'axe finds nothing in the %s theme: closed, open, with code, a table and a failure, with past chats',
  async (colorScheme) => {
    const chat = await site.visit({
      bypassCSP: true,
      colorScheme,
      // While the panel fades in, its colours are not what they will be.
      reducedMotion: 'reduce',
      viewport: { width: 1000, height: 800 },
    })
    const { page } = chat
    await page.evaluate(axe)
    const violations = async () => {
      const { violations: found } = await page.evaluate<AxeResults>('axe.run()')
      return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
    }
    expect(await violations()).toEqual([])
    await page.getByRole('button', { name: 'Open chat' }).click()
    expect(await violations()).toEqual([])
    const text =
      '# Heading\n\n```js\nconst x = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote [link](https://example.com)'
    await chat.say(reply(text))
    await expectText(chat, 'const')
    await chat.settled()
    await chat.say(`[[fault status status=500 times=9 id=${crypto.randomUUID()}]]`)
    await chat.retry.waitFor()
    expect(await violations()).toEqual([])
    await page.getByRole('button', { name: 'Past chats' }).click()
    await page.getByRole('button', { name: 'Rename' }).waitFor()
    expect(await violations()).toEqual([])
  },
)
