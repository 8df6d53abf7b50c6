import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Route } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type { Receipt } from '../../src/protocol-receipt.ts'
import { xssCorpus } from '../generators/xss-corpus.ts'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { callApi, storedMessages } from '../rigs/page-api.ts'
import { longReceipt } from '../rigs/receipts.ts'
import { type Chat, expectText, patience, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

const toolName = 'What the model was sent'
const tools = ({ page }: Chat) => page.getByRole('button', { name: toolName })
const view = ({ page }: Chat) => page.getByRole('group', { name: toolName })
const bar = (chat: Chat) => view(chat).getByRole('img')
const line = (chat: Chat, text: string) => view(chat).locator('summary', { hasText: text }).first()
const hasFocus = (element: ReturnType<typeof tools>) =>
  element.evaluate((node) => node.matches(':focus'))

/** The paths of the requests for receipts and for the chunks of their view. */
const receiptRequests = ({ requests }: Chat) =>
  requests
    .map((request) => new URL(request.url()).pathname)
    .filter((path) => /context$|receipt/.test(path))

/** A chat with receipts, after one reply. `answer` answers each request for a receipt. */
async function visitWithReceipts({
  answer = (route) => route.fulfill({ json: longReceipt() }),
  attributes = '',
  ...host
}: {
  answer?: (route: Route) => unknown
  attributes?: string
  html?: string
  size?: { width: number; height: number }
  init?: () => void
} = {}): Promise<Chat> {
  const body = hostScript(`data-receipts data-open ${attributes}`)
  const chat = await visitHost(site, { body, ...(host.html && { html: host.html }) }, host)
  await chat.page.route('**/context', async (route) => answer(route))
  await chat.page.locator('textarea').fill(reply('Here I am'))
  await chat.page.locator('.send:enabled').first().waitFor()
  await chat.page.keyboard.press('Enter')
  await expectText(chat, 'Here I am')
  await chat.settled()
  return chat
}

interface Block {
  kind: string
  x: number
  width: number
  isMarked: boolean
}

/** The blocks of the bar from left to right, in pixels on the screen. */
function blocksOf(chat: Chat): Promise<Block[]> {
  return bar(chat)
    .locator('rect')
    .evaluateAll((all) =>
      all
        .map((each) => {
          const { x, width } = each.getBoundingClientRect()
          const [kind = '', mark] = each.classList
          return { kind, x, width, isMarked: mark === 'marked' }
        })
        .toSorted((one, other) => one.x - other.x),
    )
}

/** Expects that each part of the prompt takes the share of the bar that its tokens have. */
async function expectProportions(chat: Chat, { parts, tokens }: Receipt): Promise<void> {
  await bar(chat).waitFor()
  const blocks = (await blocksOf(chat)).filter(({ kind }) => kind !== 'left-out')
  const sizes = parts.flatMap(({ part, tokens: size }) => {
    const kind = { system: 'system', turn: 'window', recalled: 'recalled', message: 'asked' }[part]
    return size === null ? [] : [{ kind, size }]
  })
  sizes.push({ kind: 'format', size: tokens.overhead })
  expect(blocks.map(({ kind }) => kind)).toEqual(sizes.map(({ kind }) => kind))
  const widths = blocks.reduce((sum, { width }) => sum + width, 0)
  const total = sizes.reduce((sum, { size }) => sum + size, 0)
  for (const [index, { width }] of blocks.entries()) {
    expect(width / widths, `block ${index}`).toBeCloseTo(sizes[index]!.size / total, 3)
  }
}

test('without the attribute no reply has the tool, and nothing of the view is loaded', async () => {
  const chat = await visitHost(site, { body: hostScript('data-open') })
  const { page } = chat
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  await page.getByRole('button', { name: 'Good reply' }).waitFor()
  expect(await tools(chat).count()).toBe(0)

  const set = (receipts: boolean) =>
    page.evaluate((isOn) => {
      const widget = document.querySelector('chatbot-widget')!
      widget.receipts = isOn
      return [widget.receipts, widget.hasAttribute('receipts')]
    }, receipts)
  expect(await set(true)).toEqual([true, true])
  await tools(chat).waitFor()
  expect(await set(false)).toEqual([false, false])
  await tools(chat).waitFor({ state: 'hidden' })
  expect(receiptRequests(chat)).toEqual([])
})

test('the receipt that the Worker answers is shown in proportion to its tokens', async () => {
  const chat = await visitHost(site, { body: hostScript('data-receipts data-open') })
  for (const text of ['Short', 'A longer reply. '.repeat(20), 'The last']) {
    await chat.say(reply(text))
    await expectText(chat, text.slice(0, 12))
    await chat.settled()
  }
  await tools(chat).last().click()
  await bar(chat).waitFor()
  const { id } = (await storedMessages(chat)).at(-1)!
  const receipt: Receipt = await callApi(chat, `/v1/sessions/:session/messages/${id}/context`)
  expect(receipt.parts.map(({ part }) => part)).toEqual(['system', 'turn', 'turn', 'message'])
  await expectProportions(chat, receipt)
  const said = await view(chat).innerText()
  const count = (tokens: number) => `${tokens.toLocaleString('en')} tokens`
  expect(said).toContain(`was sent at most ${count(receipt.tokens.total)}`)
  expect(said).toContain(`Window: 2 turns from message 1 on, ${count(receipt.tokens.turns)}`)
  expect(said).toContain(`The provider counted ${count(receipt.usage!.prompt_tokens)}`)
  await line(chat, 'Window:').click()
  await line(chat, 'Messages 3 and 4').click()
  await view(chat)
    .getByText(`Assistant: ${'A longer reply. '.repeat(20).trim()}`)
    .waitFor()
})

test('the tool opens and closes the receipt, and each opening sends one request', async () => {
  const chat = await visitWithReceipts()
  const tool = tools(chat)
  expect(await tool.getAttribute('aria-expanded')).toBe('false')
  expect(receiptRequests(chat)).toEqual([])
  await tool.click()
  await bar(chat).waitFor()
  expect(await tool.getAttribute('aria-expanded')).toBe('true')
  const [, { id } = { id: '' }] = await storedMessages(chat)
  const path = expect.stringMatching(new RegExp(`^/v1/sessions/[\\w-]+/messages/${id}/context$`))
  const chunks = ['/chunks/receipt-picture.js', '/chunks/receipt-view.js']
  expect(receiptRequests(chat).toSorted()).toEqual([...chunks, path])
  await tool.click()
  await view(chat).waitFor({ state: 'detached' })
  expect(await tool.getAttribute('aria-expanded')).toBe('false')
  await tool.click()
  await bar(chat).waitFor()
  expect(receiptRequests(chat).toSorted()).toEqual([...chunks, path, path])
})

test('by keyboard a receipt is opened, read and closed, and each line marks its blocks', async () => {
  const chat = await visitWithReceipts()
  const { keyboard } = chat.page
  const tool = tools(chat)
  await tool.focus()
  await keyboard.press('Enter')
  await bar(chat).waitFor()
  expect(await hasFocus(tool)).toBe(true)
  const marked = async () =>
    (await blocksOf(chat)).filter(({ isMarked }) => isMarked).map(({ kind }) => kind)
  expect(await marked()).toEqual([])
  await keyboard.press('Tab')
  expect(await hasFocus(line(chat, 'Left out:'))).toBe(true)
  expect(await marked()).toEqual(Array.from({ length: 19 }, () => 'left-out'))
  await keyboard.press('Enter')
  await keyboard.press('Tab')
  expect(await marked()).toEqual(['left-out'])
  for (let press = 0; press < 3; press++) await keyboard.press('Tab')
  expect(await hasFocus(line(chat, 'Window:'))).toBe(true)
  expect(await marked()).toEqual(['window', 'window', 'window', 'window'])
  await keyboard.press('Enter')
  await keyboard.press('Tab')
  await keyboard.press('Tab')
  await keyboard.press('Enter')
  await view(chat).getByText('Assistant: Reply 2').waitFor()
  const [one] = (await blocksOf(chat)).filter(({ isMarked }) => isMarked)
  const longest = Math.max(...(await blocksOf(chat)).map(({ width }) => width))
  expect((await marked()).length).toBe(1)
  expect(one!.width / longest).toBeCloseTo(480 / 900, 2)

  await keyboard.press('Escape')
  await view(chat).waitFor({ state: 'detached' })
  expect(await hasFocus(tool)).toBe(true)
  expect(await tool.getAttribute('aria-expanded')).toBe('false')
  // The next Escape is the chat's.
  expect(await chat.dialog.isVisible()).toBe(true)
  await keyboard.press('Escape')
  await chat.dialog.waitFor({ state: 'hidden' })
})

test('the pointer on a line marks its blocks until it leaves the list', async () => {
  const chat = await visitWithReceipts()
  await tools(chat).click()
  const marked = async () =>
    (await blocksOf(chat)).filter(({ isMarked }) => isMarked).map(({ kind }) => kind)
  await line(chat, 'Recalled:').hover()
  expect(await marked()).toEqual(['recalled'])
  await line(chat, 'Recalled:').click()
  await line(chat, '2026-09-03').hover()
  expect(await marked()).toEqual(['recalled'])
  await line(chat, 'Message:').hover()
  expect(await marked()).toEqual(['asked'])
  await chat.input.hover()
  expect(await marked()).toEqual([])
})

test('a receipt says what was sent and why, what was left out and why, and what the cache had', async () => {
  const receipt = longReceipt()
  const chat = await visitWithReceipts({ answer: (route) => route.fulfill({ json: receipt }) })
  await tools(chat).click()
  await expectProportions(chat, receipt)
  for (const part of ['Left out:', 'Recalled:', 'Message:']) await line(chat, part).click()
  await line(chat, '2026-09-04').click()
  const lines = (await view(chat).innerText()).split('\n').map((each) => each.trim())
  expect(lines.filter(Boolean)).toEqual([
    'gpt-4.1-mini was sent at most 2,071 tokens.',
    'Left out: 19 turns (grey, drawn by number, not by size)',
    'Reply 46: failed',
    'Replies 2 to 40, 18 turns: older than the window, and not recalled',
    'System prompt: 250 tokens',
    'Window: 4 turns from message 41 on, 1,560 tokens',
    'Recalled: 3 turns, 210 tokens',
    'Words looked for: called, dog',
    'From other conversations: 1 turn',
    '2026-09-03, message 3: has called, dog (shortened)',
    '2026-09-04, message 5: beside a turn that has the words',
    'Selected on the page: Colours: brown',
    'Visitor: He is brown.',
    'Assistant: A brown one, then.',
    'Message: 40 tokens',
    'Visitor: What is my dog called?',
    'Chat format: 11 tokens',
    'The provider counted 1,988 tokens, of which it had 1,280 tokens in its cache, and 120 tokens of the reply.',
    'A prompt cache can reuse 1,664 tokens.',
  ])
  const label = await bar(chat).getAttribute('aria-label')
  expect(label).toContain('System prompt: 250 tokens; Window: 4 turns from message 41 on, 1,560')
  const leftOut = (await blocksOf(chat)).filter(({ kind }) => kind === 'left-out')
  expect(new Set(leftOut.map(({ width }) => width.toFixed(1))).size).toBe(1)
})

test('thousands of left-out turns take a fifth of the bar, before the window', async () => {
  const left_out = [
    { from_seq: 40, to_seq: 40, turns: 1, reason: 'failed' as const },
    { from_seq: 2, to_seq: 9_000, turns: 4_500, reason: 'older_than_window' as const },
  ]
  const receipt = longReceipt({ left_out })
  const chat = await visitWithReceipts({ answer: (route) => route.fulfill({ json: receipt }) })
  await tools(chat).click()
  await line(chat, 'Left out: 4,501 turns').waitFor()
  const blocks = await blocksOf(chat)
  const leftOut = blocks.filter(({ kind }) => kind === 'left-out')
  expect(leftOut.length).toBeLessThan(25)
  expect(blocks.slice(0, leftOut.length)).toEqual(leftOut)
  const { x = 0, width = 0 } = (await bar(chat).boundingBox()) ?? {}
  const end = leftOut.at(-1)!
  expect((end.x + end.width - x) / width).toBeCloseTo(0.2, 2)
  await expectProportions(chat, receipt)
})

test('a reply from before receipts were recorded shows what is known of it', async () => {
  const { usage: _usage, words: _words, ...rest } = longReceipt({ model: null, left_out: [] })
  const receipt: Receipt = {
    ...rest,
    tokens: { system: null, turns: 0, recalled: 0, message: 40, overhead: 11, total: 51 },
    window: { from_seq: 49, turns: 0 },
    cacheable_tokens: 0,
    parts: [
      { part: 'system', reason: 'always', tokens: null },
      { part: 'message', reason: 'asked', tokens: 40, messages: [{ role: 'user', content: 'Hi' }] },
    ],
  }
  const chat = await visitWithReceipts({ answer: (route) => route.fulfill({ json: receipt }) })
  await tools(chat).click()
  await expectProportions(chat, receipt)
  const said = await view(chat).innerText()
  expect(said).toContain('The model was sent at most 51 tokens.')
  expect(said).toContain('System prompt: not recorded')
  expect(said).toContain('Window: 0 turns')
  expect(said).toContain('The provider’s count was not recorded.')
  expect(said).not.toMatch(/Recalled|Left out|undefined|null|NaN/)
})

test('a receipt with a budget has a block for the reserve', async () => {
  const budget = { total: 8_000, reply: 1_024, recall: 1_000, left: 4_905 }
  const receipt = longReceipt({ budget, counts: 'exact' })
  const chat = await visitWithReceipts({ answer: (route) => route.fulfill({ json: receipt }) })
  await tools(chat).click()
  await view(chat).getByText('was sent exactly 2,071 tokens').waitFor()
  await line(chat, 'Reserve for the reply: 1,024 tokens').waitFor()
  const blocks = await blocksOf(chat)
  const widthOf = (name: string) => blocks.find(({ kind }) => kind === name)!.width
  expect(widthOf('reserve') / widthOf('system')).toBeCloseTo(1_024 / 250, 1)
})

describe('a receipt that cannot be shown is explained, and can be asked for again', () => {
  const problem = (status: number, code: string) => (route: Route) =>
    route.fulfill({ status, contentType: 'application/problem+json', json: { status, code } })

  const nonsense = {
    'a null': null,
    'a number': 7,
    'an empty list': [],
    'an empty object': {},
    'a receipt without a message': longReceipt({ parts: [] }),
    'a receipt with negative tokens': longReceipt({
      tokens: { system: -9_000, turns: 0, recalled: 0, message: 1, overhead: 1, total: 2 },
    }),
    'a receipt without tokens': { ...longReceipt(), tokens: {} },
  }
  const faults: [string, (route: Route) => unknown, string][] = [
    ['erased', problem(404, 'not_found'), 'The server has no such reply any more.'],
    ['refused', problem(401, 'unauthorized'), 'You are not signed in to this chat any more.'],
    ['limited', problem(429, 'rate_limited'), 'Too many messages for now.'],
    ['broken', problem(500, 'internal'), 'The chat does not work just now.'],
    ['lost', (route) => route.abort('connectionreset'), 'There is no connection to the chat.'],
    ['a page', (route) => route.fulfill({ body: '<h1>Hi</h1>' }), 'There is no connection'],
    ...Object.entries(nonsense).map(([name, json]): [string, (route: Route) => unknown, string] => [
      name,
      (route) => route.fulfill({ json }),
      'The answer of the server is not a receipt that this widget knows.',
    ]),
  ]

  test.each(faults)('%s', async (_name, fault, said) => {
    let isBroken = true
    const chat = await visitWithReceipts({
      answer: (route) => (isBroken ? fault(route) : route.fulfill({ json: longReceipt() })),
    })
    await tools(chat).click()
    await view(chat).getByRole('status').getByText(said).waitFor()
    expect(await bar(chat).count()).toBe(0)
    await chat.retry.click()
    await view(chat).getByRole('status').getByText(said).waitFor()
    isBroken = false
    await chat.retry.focus()
    await chat.page.keyboard.press('Enter')
    await bar(chat).waitFor()
    expect(await hasFocus(tools(chat))).toBe(true)
    expect(await view(chat).getByText(said).count()).toBe(0)
  })

  test('cut in the middle', async () => {
    const chat = await visitWithReceipts({ init: cutReceipts })
    await tools(chat).click()
    await view(chat).getByText('There is no connection to the chat.').waitFor()
    await chat.page.evaluate('cutting = false')
    await chat.retry.click()
    await bar(chat).waitFor()
  })

  test('offline, before the view itself was loaded', async () => {
    const chat = await visitWithReceipts()
    await chat.page.context().setOffline(true)
    await tools(chat).click()
    await chat.page.getByText('There is no connection to the chat.').waitFor()
    expect(await tools(chat).getAttribute('aria-expanded')).toBe('false')
    await chat.page.context().setOffline(false)
    await tools(chat).click()
    await bar(chat).waitFor()
    expect(await chat.page.getByText('There is no connection to the chat.').count()).toBe(0)
  })
})

/** Breaks the connection in the middle of each receipt while `cutting` is true. */
function cutReceipts(): void {
  const { fetch } = globalThis
  Object.assign(globalThis, {
    cutting: true,
    fetch: async (...args: Parameters<typeof fetch>) => {
      const response = await fetch(...args)
      if (!response.url.endsWith('/context') || !Reflect.get(globalThis, 'cutting')) return response
      const half = (await response.text()).slice(0, 200)
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(half)),
        pull: (controller) => controller.error(new TypeError('network error')),
      })
      return new Response(body, response)
    },
  })
}

test('a slow receipt says that it is loading, and closing it ends its request', async () => {
  const chat = await visitWithReceipts({ answer: () => {} })
  const { page } = chat
  const ended = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/context'))
  await tools(chat).click()
  await view(chat).getByRole('status').getByText('Loading…').waitFor()
  await tools(chat).click()
  await view(chat).waitFor({ state: 'detached' })
  expect((await ended).failure()?.errorText).toContain('ABORTED')
})

test('another reply closes the receipt of the one that it takes the place of', async () => {
  const chat = await visitWithReceipts()
  await tools(chat).click()
  await bar(chat).waitFor()
  await chat.page.getByRole('button', { name: 'Another reply' }).click()
  await view(chat).waitFor({ state: 'detached' })
  await chat.settled()
  expect(await tools(chat).getAttribute('aria-expanded')).toBe('false')
  await tools(chat).click()
  await bar(chat).waitFor()
  const ids = receiptRequests(chat).flatMap(
    (path) => /messages\/(.+)\/context/.exec(path)?.[1] ?? [],
  )
  expect(new Set(ids).size).toBe(2)
  expect(ids[1]).toBe((await storedMessages(chat)).at(-1)!.id)
})

test('texts of visitors and models in a receipt are only text', async () => {
  const payloads = xssCorpus()
  const text = payloads.join('\n')
  const receipt = longReceipt({
    model: '<img src=x onerror="hacked=1">',
    words: payloads.slice(0, 8),
    parts: longReceipt().parts.map((part) => {
      if (part.part === 'recalled') {
        const [turn] = part.turns
        const messages = [{ role: 'user' as const, content: text, context_text: text }]
        const created_at = '<svg/onload=hacked=1>'
        return {
          ...part,
          turns: [{ ...turn!, created_at, matched: payloads.slice(0, 8), messages }],
        }
      }
      if (part.part === 'system') return part
      return { ...part, messages: [{ role: 'assistant', content: text }] }
    }),
    left_out: [{ from_seq: 2, to_seq: 4, turns: 2, reason: payloads[0] as 'failed' }],
  })
  const chat = await visitWithReceipts({ answer: (route) => route.fulfill({ json: receipt }) })
  await tools(chat).click()
  await bar(chat).waitFor()
  for (const summary of await view(chat).locator('summary').all()) {
    await summary.evaluate((node) => node.closest('details')!.setAttribute('open', ''))
  }
  const shown = await view(chat).locator('details p').allTextContents()
  expect(shown).toContain(`Assistant: ${text}`)
  expect(shown).toContain(`Selected on the page: ${text}`)
  const found = await view(chat).evaluate((node) => ({
    tags: [...new Set(Array.from(node.querySelectorAll('*'), (each) => each.localName))].toSorted(),
    attributes: [
      ...new Set(Array.from(node.querySelectorAll('*'), (each) => each.getAttributeNames()).flat()),
    ].toSorted(),
    isHacked: 'hacked' in globalThis,
  }))
  expect(found).toEqual({
    tags: ['details', 'div', 'li', 'p', 'rect', 'span', 'summary', 'svg', 'ul'],
    attributes: [
      'aria-hidden',
      'aria-label',
      'class',
      'dir',
      'height',
      'lang',
      'open',
      'role',
      'tabindex',
      'width',
      'x',
    ],
    isHacked: false,
  })
})

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

test.each(['light', 'dark'])('axe finds no fault in receipts in the %s theme', async (theme) => {
  const chat = await visitWithReceipts({ attributes: `data-theme="${theme}"` })
  const { page } = chat
  await chat.say(reply('And again'))
  await expectText(chat, 'And again')
  await chat.settled()
  // Two receipts at once, one of them with everything in it open.
  await tools(chat).first().click()
  await tools(chat).last().click()
  await bar(chat).last().waitFor()
  await bar(chat).first().waitFor()
  await page.locator('.receipt details').evaluateAll((all) => {
    for (const each of all) each.setAttribute('open', '')
  })
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual(
    [],
  )
  const grounds = await page
    .locator('.receipt')
    .last()
    .evaluate((node) => getComputedStyle(node).color)
  expect(grounds).toBe(theme === 'dark' ? 'rgb(231, 233, 237)' : 'rgb(27, 30, 35)')
})

test('with forced colours every block has the colour of text', async () => {
  const chat = await visitWithReceipts()
  await chat.page.emulateMedia({ forcedColors: 'active' })
  await tools(chat).click()
  await bar(chat).waitFor()
  const colours = await bar(chat).evaluate((node) => {
    const probe = node.parentElement!.appendChild(document.createElement('i'))
    probe.style.color = 'CanvasText'
    const { color } = getComputedStyle(probe)
    probe.remove()
    return Array.from(node.children, (each) => {
      const { fill, stroke } = getComputedStyle(each)
      return [fill, stroke].includes(color)
    })
  })
  expect(colours.length).toBeGreaterThan(20)
  expect(new Set(colours)).toEqual(new Set([true]))
})

test('in an Arabic page the tool is in Arabic, and the receipt is English from left to right', async () => {
  const chat = await visitWithReceipts({ html: 'lang="ar" dir="rtl"' })
  await chat.page.getByRole('button', { name: 'ما أُرسل إلى النموذج' }).click()
  const group = chat.page.getByRole('group', { name: 'ما أُرسل إلى النموذج' })
  await group.getByRole('img').waitFor()
  const english = group.locator('[lang=en]').last()
  expect(await english.evaluate((node) => getComputedStyle(node).direction)).toBe('ltr')
  const [inner, outer] = await Promise.all([group.boundingBox(), chat.dialog.boundingBox()])
  expect(inner!.x).toBeGreaterThan(outer!.x)
  expect(inner!.x + inner!.width).toBeLessThan(outer!.x + outer!.width)
})

test('on a small phone a receipt fits, and its lines are high enough for a finger', async () => {
  const size = { width: 320, height: 560 }
  const words = ['w'.repeat(300)]
  const chat = await site.visit({
    viewport: size,
    isMobile: true,
    hasTouch: true,
  })
  await chat.page.route('**/context', (route) => route.fulfill({ json: longReceipt({ words }) }))
  await chat.page.evaluate(() => {
    Object.assign(document.querySelector('chatbot-widget')!, { receipts: true, open: true })
  })
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  await tools(chat).tap()
  await bar(chat).waitFor()
  await line(chat, 'Recalled:').tap()
  await view(chat).getByText('www').waitFor()
  const sizes = await view(chat).evaluate((node) => ({
    log: node.closest('.log')!.scrollWidth,
    lines: Array.from(node.querySelectorAll('summary'), (each) => each.clientHeight),
  }))
  expect(sizes.log).toBeLessThanOrEqual(size.width)
  expect(Math.min(...sizes.lines.filter(Boolean))).toBeGreaterThanOrEqual(44)
  const tool = await tools(chat).boundingBox()
  expect(Math.min(tool!.width, tool!.height)).toBeGreaterThanOrEqual(44)
  await expect.poll(async () => (await blocksOf(chat)).length, patience).toBeGreaterThan(20)
})
