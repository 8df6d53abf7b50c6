import type { Route } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { xssCorpus } from '../generators/xss-corpus.ts'
import {
  hasFocus,
  receiptBar,
  receiptTools,
  receiptView,
  visitWithReceipts,
} from '../rigs/receipt-page.ts'
import { longReceipt } from '../rigs/receipts.ts'
import { expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

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
    const chat = await visitWithReceipts(site, {
      answer: (route) => (isBroken ? fault(route) : route.fulfill({ json: longReceipt() })),
    })
    await receiptTools(chat).click()
    await receiptView(chat).getByRole('status').getByText(said).waitFor()
    expect(await receiptBar(chat).count()).toBe(0)
    await chat.retry.click()
    await receiptView(chat).getByRole('status').getByText(said).waitFor()
    isBroken = false
    await chat.retry.focus()
    await chat.page.keyboard.press('Enter')
    await receiptBar(chat).waitFor()
    expect(await hasFocus(receiptTools(chat))).toBe(true)
    expect(await receiptView(chat).getByText(said).count()).toBe(0)
  })

  test('cut in the middle', async () => {
    const chat = await visitWithReceipts(site, { init: cutReceipts })
    await receiptTools(chat).click()
    await receiptView(chat).getByText('There is no connection to the chat.').waitFor()
    await chat.page.evaluate('cutting = false')
    await chat.retry.click()
    await receiptBar(chat).waitFor()
  })

  test('offline, before the view itself was loaded', async () => {
    const chat = await visitWithReceipts(site)
    await chat.page.context().setOffline(true)
    await receiptTools(chat).click()
    await chat.page.getByText('There is no connection to the chat.').waitFor()
    expect(await receiptTools(chat).getAttribute('aria-expanded')).toBe('false')
    await chat.page.context().setOffline(false)
    await receiptTools(chat).click()
    await receiptBar(chat).waitFor()
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

test('a fault is in sight as a whole, also below a tool at the end of the log', async () => {
  const chat = await visitWithReceipts(site, {
    answer: (route) => route.abort('connectionreset'),
    size: { width: 360, height: 480 },
  })
  for (const word of ['First', 'Second']) {
    await chat.say(reply(`${word} `.repeat(200)))
    await expectText(chat, word)
    await chat.settled()
  }
  const tool = receiptTools(chat).nth(1)
  await tool.evaluate((node) => node.scrollIntoView({ block: 'end' }))
  await tool.click()
  await chat.retry.waitFor()
  const [button, log] = await Promise.all([
    chat.retry.boundingBox(),
    chat.page.locator('.log').boundingBox(),
  ])
  expect(button!.y + button!.height).toBeLessThanOrEqual(log!.y + log!.height)
})

test('a slow receipt says that it is loading, and closing it ends its request', async () => {
  const chat = await visitWithReceipts(site, { answer: () => {} })
  const { page } = chat
  const ended = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/context'))
  await receiptTools(chat).click()
  await receiptView(chat).getByRole('status').getByText('Loading…').waitFor()
  await receiptTools(chat).click()
  await receiptView(chat).waitFor({ state: 'detached' })
  expect((await ended).failure()?.errorText).toContain('ABORTED')
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
  const chat = await visitWithReceipts(site, {
    answer: (route) => route.fulfill({ json: receipt }),
  })
  await receiptTools(chat).click()
  await receiptBar(chat).waitFor()
  for (const summary of await receiptView(chat).locator('summary').all()) {
    await summary.evaluate((node) => node.closest('details')!.setAttribute('open', ''))
  }
  const shown = await receiptView(chat).locator('details p').allTextContents()
  expect(shown).toContain(`Assistant: ${text}`)
  expect(shown).toContain(`Selected on the page: ${text}`)
  const found = await receiptView(chat).evaluate((node) => ({
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
