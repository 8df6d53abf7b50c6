import { expect, test } from 'vitest'
import type { Receipt } from '../../src/protocol-receipt.ts'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { callApi, storedMessages } from '../rigs/page-api.ts'
import {
  expectProportions,
  hasFocus,
  receiptBar,
  receiptBlocks,
  receiptLine,
  receiptRequests,
  receiptTools,
  receiptView,
  visitWithReceipts,
} from '../rigs/receipt-page.ts'
import { longReceipt } from '../rigs/receipts.ts'
import { expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

test('without the attribute no reply has the tool, and nothing of the view is loaded', async () => {
  const chat = await visitHost(site, { body: hostScript('data-open') })
  const { page } = chat
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  await page.getByRole('button', { name: 'Good reply' }).waitFor()
  expect(await receiptTools(chat).count()).toBe(0)

  const set = (receipts: boolean) =>
    page.evaluate((isOn) => {
      const widget = document.querySelector('chatbot-widget')!
      widget.receipts = isOn
      return [widget.receipts, widget.hasAttribute('receipts')]
    }, receipts)
  expect(await set(true)).toEqual([true, true])
  await receiptTools(chat).waitFor()
  expect(await set(false)).toEqual([false, false])
  await receiptTools(chat).waitFor({ state: 'hidden' })
  expect(receiptRequests(chat)).toEqual([])
})

test('the receipt that the Worker answers is shown in proportion to its tokens', async () => {
  const chat = await visitHost(site, { body: hostScript('data-receipts data-open') })
  for (const text of ['Short', 'A longer reply. '.repeat(20), 'The last']) {
    await chat.say(reply(text))
    await expectText(chat, text.slice(0, 12))
    await chat.settled()
  }
  await receiptTools(chat).last().click()
  await receiptBar(chat).waitFor()
  const { id } = (await storedMessages(chat)).at(-1)!
  const receipt: Receipt = await callApi(chat, `/v1/sessions/:session/messages/${id}/context`)
  expect(receipt.parts.map(({ part }) => part)).toEqual(['system', 'turn', 'turn', 'message'])
  await expectProportions(chat, receipt)
  const said = await receiptView(chat).innerText()
  const count = (tokens: number) => `${tokens.toLocaleString('en')} tokens`
  expect(said).toContain(`was sent at most ${count(receipt.tokens.total)}`)
  expect(said).toContain(`Window: 2 turns from message 1 on, ${count(receipt.tokens.turns)}`)
  expect(said).toContain(`The provider counted ${count(receipt.usage!.prompt_tokens)}`)
  await receiptLine(chat, 'Window:').click()
  await receiptLine(chat, 'Messages 3 and 4').click()
  await receiptView(chat)
    .getByText(`Assistant: ${'A longer reply. '.repeat(20).trim()}`)
    .waitFor()
})

test('the tool opens and closes the receipt, and each opening sends one request', async () => {
  const chat = await visitWithReceipts(site)
  const tool = receiptTools(chat)
  expect(await tool.getAttribute('aria-expanded')).toBe('false')
  expect(receiptRequests(chat)).toEqual([])
  await tool.click()
  await receiptBar(chat).waitFor()
  expect(await tool.getAttribute('aria-expanded')).toBe('true')
  const [, { id } = { id: '' }] = await storedMessages(chat)
  const path = expect.stringMatching(new RegExp(`^/v1/sessions/[\\w-]+/messages/${id}/context$`))
  const chunks = ['/chunks/receipt-picture.js', '/chunks/receipt-view.js']
  expect(receiptRequests(chat).toSorted()).toEqual([...chunks, path])
  await tool.click()
  await receiptView(chat).waitFor({ state: 'detached' })
  expect(await tool.getAttribute('aria-expanded')).toBe('false')
  await tool.click()
  await receiptBar(chat).waitFor()
  expect(receiptRequests(chat).toSorted()).toEqual([...chunks, path, path])
})

test('by keyboard a receipt is opened, read and closed, and each line marks its blocks', async () => {
  const chat = await visitWithReceipts(site)
  const { keyboard } = chat.page
  const tool = receiptTools(chat)
  await tool.focus()
  await keyboard.press('Enter')
  await receiptBar(chat).waitFor()
  expect(await hasFocus(tool)).toBe(true)
  const marked = async () =>
    (await receiptBlocks(chat)).filter(({ isMarked }) => isMarked).map(({ kind }) => kind)
  expect(await marked()).toEqual([])
  await keyboard.press('Tab')
  expect(await hasFocus(receiptLine(chat, 'Left out:'))).toBe(true)
  expect(await marked()).toEqual(Array.from({ length: 19 }, () => 'left-out'))
  await keyboard.press('Enter')
  await keyboard.press('Tab')
  expect(await marked()).toEqual(['left-out'])
  for (let press = 0; press < 3; press++) await keyboard.press('Tab')
  expect(await hasFocus(receiptLine(chat, 'Window:'))).toBe(true)
  expect(await marked()).toEqual(['window', 'window', 'window', 'window'])
  await keyboard.press('Enter')
  await keyboard.press('Tab')
  await keyboard.press('Tab')
  await keyboard.press('Enter')
  await receiptView(chat).getByText('Assistant: Reply 2').waitFor()
  const [one] = (await receiptBlocks(chat)).filter(({ isMarked }) => isMarked)
  const longest = Math.max(...(await receiptBlocks(chat)).map(({ width }) => width))
  expect((await marked()).length).toBe(1)
  expect(one!.width / longest).toBeCloseTo(480 / 900, 2)

  await keyboard.press('Escape')
  await receiptView(chat).waitFor({ state: 'detached' })
  expect(await hasFocus(tool)).toBe(true)
  expect(await tool.getAttribute('aria-expanded')).toBe('false')
  // The next Escape is the chat's.
  expect(await chat.dialog.isVisible()).toBe(true)
  await keyboard.press('Escape')
  await chat.dialog.waitFor({ state: 'hidden' })
})

test('the pointer on a line marks its blocks until it leaves the list', async () => {
  const chat = await visitWithReceipts(site)
  await receiptTools(chat).click()
  const marked = async () =>
    (await receiptBlocks(chat)).filter(({ isMarked }) => isMarked).map(({ kind }) => kind)
  await receiptLine(chat, 'Recalled:').hover()
  expect(await marked()).toEqual(['recalled'])
  await receiptLine(chat, 'Recalled:').click()
  await receiptLine(chat, '2026-09-03').hover()
  expect(await marked()).toEqual(['recalled'])
  await receiptLine(chat, 'Message:').hover()
  expect(await marked()).toEqual(['asked'])
  await chat.input.hover()
  expect(await marked()).toEqual([])
})

test('a receipt says what was sent and why, what was left out and why, and what the cache had', async () => {
  const receipt = longReceipt()
  const chat = await visitWithReceipts(site, {
    answer: (route) => route.fulfill({ json: receipt }),
  })
  await receiptTools(chat).click()
  await expectProportions(chat, receipt)
  for (const part of ['Left out:', 'Recalled:', 'Message:']) await receiptLine(chat, part).click()
  await receiptLine(chat, '2026-09-04').click()
  const lines = (await receiptView(chat).innerText()).split('\n').map((each) => each.trim())
  expect(lines.filter(Boolean)).toEqual([
    'gpt-4.1-mini was sent at most 2,071 tokens.',
    'Left out: 19 turns (grey, not to scale)',
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
  const label = await receiptBar(chat).getAttribute('aria-label')
  expect(label).toContain('System prompt: 250 tokens; Window: 4 turns from message 41 on, 1,560')
  const leftOut = (await receiptBlocks(chat)).filter(({ kind }) => kind === 'left-out')
  expect(new Set(leftOut.map(({ width }) => width.toFixed(1))).size).toBe(1)
})

test('a turn that borrowed words found says so, and one whose cut is not known has no texts', async () => {
  const parts = longReceipt().parts.map((part) => {
    if (part.part !== 'recalled') return part
    const [found, beside] = part.turns
    const { cut: _cut, messages: _messages, ...unknown } = beside!
    return { ...part, turns: [{ ...found!, because: 'previous_words' as const }, unknown] }
  })
  const chat = await visitWithReceipts(site, {
    answer: (route) => route.fulfill({ json: longReceipt({ parts }) }),
  })
  await receiptTools(chat).click()
  await receiptLine(chat, 'Recalled:').click()
  const found = '2026-09-03, message 3: has called, dog of the message before (shortened)'
  await receiptLine(chat, found).waitFor()
  await receiptLine(chat, '2026-09-04, message 5: beside').click()
  const texts = receiptView(chat).locator('details[open] details[open] p')
  expect(await texts.allTextContents()).toEqual(['How much of it was quoted is not recorded.'])
})

test('thousands of left-out turns take a fifth of the bar, before the window', async () => {
  const left_out = [
    { from_seq: 40, to_seq: 40, turns: 1, reason: 'failed' as const },
    { from_seq: 2, to_seq: 9_000, turns: 4_500, reason: 'older_than_window' as const },
  ]
  const receipt = longReceipt({ left_out })
  const chat = await visitWithReceipts(site, {
    answer: (route) => route.fulfill({ json: receipt }),
  })
  await receiptTools(chat).click()
  await receiptLine(chat, 'Left out: 4,501 turns').waitFor()
  const blocks = await receiptBlocks(chat)
  const leftOut = blocks.filter(({ kind }) => kind === 'left-out')
  expect(leftOut.length).toBeLessThan(25)
  expect(blocks.slice(0, leftOut.length)).toEqual(leftOut)
  const { x = 0, width = 0 } = (await receiptBar(chat).boundingBox()) ?? {}
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
  const chat = await visitWithReceipts(site, {
    answer: (route) => route.fulfill({ json: receipt }),
  })
  await receiptTools(chat).click()
  await expectProportions(chat, receipt)
  const said = await receiptView(chat).innerText()
  expect(said).toContain('The model was sent at most 51 tokens.')
  expect(said).toContain('System prompt: not recorded')
  expect(said).toContain('Window: 0 turns')
  expect(said).toContain('The provider’s count was not recorded.')
  expect(said).not.toMatch(/Recalled|Left out|undefined|null|NaN/)
})

test('a receipt with a budget has a block for the reserve', async () => {
  const budget = { total: 8_000, reply: 1_024, recall: 1_000, left: 4_905 }
  const receipt = longReceipt({ budget, counts: 'exact' })
  const chat = await visitWithReceipts(site, {
    answer: (route) => route.fulfill({ json: receipt }),
  })
  await receiptTools(chat).click()
  await receiptView(chat).getByText('was sent exactly 2,071 tokens').waitFor()
  await receiptLine(chat, 'Reserve for the reply: 1,024 tokens').waitFor()
  const blocks = await receiptBlocks(chat)
  const widthOf = (name: string) => blocks.find(({ kind }) => kind === name)!.width
  expect(widthOf('reserve') / widthOf('system')).toBeCloseTo(1_024 / 250, 1)
})

test('another reply closes the receipt of the one that it takes the place of', async () => {
  const chat = await visitWithReceipts(site)
  await receiptTools(chat).click()
  await receiptBar(chat).waitFor()
  await chat.page.getByRole('button', { name: 'Another reply' }).click()
  await receiptView(chat).waitFor({ state: 'detached' })
  await chat.settled()
  expect(await receiptTools(chat).getAttribute('aria-expanded')).toBe('false')
  await receiptTools(chat).click()
  await receiptBar(chat).waitFor()
  const ids = receiptRequests(chat).flatMap(
    (path) => /messages\/(.+)\/context/.exec(path)?.[1] ?? [],
  )
  expect(new Set(ids).size).toBe(2)
  expect(ids[1]).toBe((await storedMessages(chat)).at(-1)!.id)
})
