import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { describe, expect, test } from 'vitest'
import {
  scriptStreams,
  sendCompleted,
  sendEvent,
  sendStarted,
  sendText,
} from '../rigs/scripted-stream.ts'
import {
  type Chat,
  expectText,
  patience,
  reply,
  setUpSite,
  type VisitOptions,
} from '../rigs/visit-page.ts'

const site = setUpSite()

/** Thirty words, with a place in each for the burst that it is in. */
const burst = (number: number) =>
  Array.from({ length: 30 }, (_, index) => `w${number}-${index} `).join('')
const pauseMs = 700

/** A visitor with a reply that has begun, and the lengths that its text has had on the screen. */
async function begin(options: VisitOptions = {}) {
  const chat = await site.visit({ ...scriptStreams, ...options })
  await chat.say('Hello')
  await sendStarted(chat.page)
  // Until the chunk is there, text is shown as it arrives.
  await chat.page.waitForFunction(() =>
    performance
      .getEntriesByType('resource')
      .some(({ name, ...entry }) => name.includes('typed-text') && entry),
  )
  await chat.page.locator('[data-end]').waitFor({ state: 'attached' })
  const lengths = await chat.page.evaluateHandle(() => {
    const body = document
      .querySelector('chatbot-widget')!
      .shadowRoot!.querySelector('.assistant .body')!
    const seen: number[] = []
    new MutationObserver(() => seen.push(body.textContent.length)).observe(body, {
      childList: true,
      subtree: true,
      characterData: true,
    })
    return seen
  })
  return { chat, lengths: async () => [...new Set(await lengths.jsonValue())] }
}

/** Sends bursts of text. Returns the whole text. */
async function sendBursts({ page }: Chat, count: number, text = burst): Promise<string> {
  let before = ''
  for (let number = 0; number < count; number++) {
    await sendText(page, text(number), before)
    before += text(number)
    await page.waitForTimeout(pauseMs)
  }
  return before
}

describe('text that arrives in bursts', () => {
  test('is typed out in many small steps, and completely', async () => {
    const { chat, lengths } = await begin()
    const text = await sendBursts(chat, 4)
    await expectText(chat, 'w3-29')
    const seen = await lengths()
    const first = burst(0).length
    const steps = seen.slice(1).map((length, index) => length - seen[index]!)
    // The first burst is there at once. Nobody knows yet when the next one comes.
    expect(seen[0]).toBeGreaterThanOrEqual(first - 1)
    expect(steps.length).toBeGreaterThan(15)
    expect(Math.max(...steps)).toBeLessThan(first)
    await sendCompleted(chat.page, text)
    await chat.settled()
    expect(await chat.lastReply.innerText()).toBe(text.trim())
  })

  test('is all there when the reply ends', async () => {
    const { chat, lengths } = await begin()
    const before = await sendBursts(chat, 2)
    const text = before + burst(2)
    // In one piece, so that nothing can be typed out in between.
    await chat.page.evaluate(
      ([delta, end]) => scripted.streams.at(-1)!.enqueue(new TextEncoder().encode(delta! + end!)),
      [
        `event: delta\nid: ${text.length}\ndata: ${JSON.stringify({ text: burst(2) })}\n\n`,
        `event: turn.completed\ndata: ${JSON.stringify({ reply: { id: 'r', seq: 2, role: 'assistant', content: text, status: 'complete', metadata: {} } })}\n\n`,
      ],
    )
    await chat.settled()
    expect(await chat.lastReply.innerText()).toBe(text.trim())
    const seen = await lengths()
    expect(seen.at(-1)! - seen.at(-2)!).toBeGreaterThanOrEqual(burst(2).length - 2)
  })

  test.each<[string, VisitOptions, () => void]>([
    ['with reduced motion', { reducedMotion: 'reduce' }, () => {}],
    [
      'in a hidden tab',
      {},
      () => Object.defineProperty(document, 'hidden', { value: true, configurable: true }),
    ],
  ])('is shown at once %s', async (_, options, prepare) => {
    const { chat, lengths } = await begin(options)
    await chat.page.evaluate(prepare)
    const text = await sendBursts(chat, 3)
    await expectText(chat, 'w2-29')
    const ends = [1, 2, 3].map((count) => text.slice(0, burst(0).length * count).length)
    // Spaces at the end are not shown.
    expect(await lengths()).toEqual(ends.map((end) => expect.closeTo(end, -0.5)))
    expect(await lengths()).toHaveLength(3)
  })

  test('removes no node while it is typed, and is read as the same Markdown', async () => {
    const { chat } = await begin()
    const removed = await chat.page.evaluateHandle(() => {
      const log = document.querySelector('chatbot-widget')!.shadowRoot!.querySelector('.log')!
      const names: string[] = []
      new MutationObserver((records) => {
        for (const { removedNodes } of records)
          for (const { nodeName } of removedNodes) names.push(nodeName)
      }).observe(log, { childList: true, subtree: true })
      return names
    })
    const pieces = [
      '# One\n\nSome **bold',
      ' text** and `co',
      'de`, 👩‍👩‍👧 and 😀.\n\n- a\n- b',
      '\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\nEnd',
    ]
    const text = await sendBursts(chat, pieces.length, (number) => pieces[number]!)
    await expectText(chat, 'End')
    expect(await removed.jsonValue()).toEqual([])
    await sendCompleted(chat.page, text)
    await chat.settled()
    expect(await chat.lastReply.innerHTML()).not.toContain('data-end')
    expect(await chat.lastReply.locator('strong').innerText()).toBe('bold text')
    expect(await chat.lastReply.locator('td').allInnerTexts()).toEqual(['1', '2'])
  })

  test('keeps a reader at the end there, and does not move one who reads above', async () => {
    const { chat } = await begin()
    const lines = (number: number) =>
      Array.from({ length: 20 }, (_, index) => `line ${number}-${index}\n\n`).join('')
    const text = await sendBursts(chat, 3, lines)
    await expectText(chat, 'line 2-19')
    const log = chat.page.locator('.log')
    const toEnd = () =>
      log.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight)
    await expect.poll(toEnd, patience).toBeLessThan(2)
    await log.evaluate((node) => (node.scrollTop = 40))
    await sendText(chat.page, lines(3), text)
    await expectText(chat, 'line 3-19')
    expect(await log.evaluate((node) => node.scrollTop)).toBe(40)
  })
})

test('a reader at the end of a conversation longer than its window follows a long reply all the time, and one above is not moved', async () => {
  const chat = await site.visit()
  const words = (name: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${name}-${index}`).join(' ')
  await chat.say(reply(words('first', 250)))
  await expectText(chat, 'first-249')
  await chat.settled()
  const log = chat.page.locator('.log')
  expect(await log.evaluate((node) => node.scrollHeight / node.clientHeight)).toBeGreaterThan(1.5)
  const distances = await log.evaluateHandle((node) => {
    const seen: number[] = []
    setInterval(() => {
      if (node.querySelector('.is-open'))
        seen.push(node.scrollHeight - node.scrollTop - node.clientHeight)
    }, 20)
    return seen
  })
  await chat.say(`${reply(words('next', 200))} [[fault pace ms=20]]`)
  await expectText(chat, 'next-150')
  const seen = await distances.jsonValue()
  expect(seen.length).toBeGreaterThan(20)
  expect(Math.max(...seen)).toBeLessThan(2)
  await log.evaluate((node) => (node.scrollTop = 40))
  await expectText(chat, 'next-199')
  await chat.settled()
  expect(await log.evaluate((node) => node.scrollTop)).toBe(40)
})

test('a conversation that is restored is not typed out', async () => {
  const chat = await site.visit()
  await chat.say(`[[reply ${JSON.stringify(burst(0))}]]`)
  await expectText(chat, 'w0-29')
  await chat.settled()
  await chat.page.addInitScript(() => {
    const frames: number[] = []
    Object.assign(globalThis, { frames })
    new MutationObserver(() => {
      const body = document
        .querySelector('chatbot-widget')
        ?.shadowRoot?.querySelector('.assistant .body')
      if (body?.textContent && frames.at(-1) !== body.textContent.length)
        frames.push(body.textContent.length)
    }).observe(document, { childList: true, subtree: true })
  })
  await chat.page.reload()
  await expectText(chat, 'w0-29')
  expect(chat.requests.filter((request) => request.url().includes('typed-text'))).toHaveLength(1)
})

describe('the caret', () => {
  /** The style of the caret, if there is one on the screen. */
  const caret = ({ page }: Chat) =>
    page.evaluate(() => {
      const end = document.querySelector('chatbot-widget')!.shadowRoot!.querySelector('[data-end]')
      if (!end?.closest('.is-open')) return undefined
      const { content, animationName, borderInlineEndWidth, borderInlineEndColor } =
        getComputedStyle(end, '::after')
      return {
        in: end.localName,
        content,
        animationName,
        width: borderInlineEndWidth,
        color: borderInlineEndColor,
      }
    })

  test.each([
    ['', 'Some words', 'p'],
    ['a list', '- one\n- two', 'div'],
    ['a nested list', '- one\n  - two', 'div'],
    ['a quotation', '> quoted', 'p'],
    ['a code block', '```js\nlet a', 'code'],
    ['a finished code block', '```js\nlet a\n```', 'code'],
    ['a table', '| a | b |\n|---|---|\n| 1 | 2', 'td'],
    ['emphasis', 'Some **bold', 'strong'],
  ])('stands at the end of a text that ends in %s', async (_, text, tag) => {
    const { chat } = await begin()
    await sendText(chat.page, text)
    const expected = { content: '""', animationName: 'breathe', in: tag }
    await expect.poll(() => caret(chat), patience).toMatchObject(expected)
    expect(await chat.page.locator('[data-end]').count()).toBe(1)
    await sendCompleted(chat.page, text)
    await chat.settled()
    expect(await chat.page.locator('[data-end]').count()).toBe(0)
  })

  const lastWord = (text: string) => text.match(/\p{L}+/gu)!.at(-1)!

  test.each([
    ['words', 'The river carries small boats, and each of them has a name that nobody reads.'],
    ['a long word', 'Donaudampfschifffahrtsgesellschaftskapitänswitwenrente'],
    ['a list', '- one item here\n- two\n  1. three of them\n\n     and more of three'],
    ['a quotation', '> The river carries\n> > small boats'],
    ['inline code', 'Call `npm run build` and **then `npm test`**'],
    [
      'a code block',
      '```js\nlet a = 1\n\nlet b = "a line that is much longer than the bubble"\n```\nEnd',
    ],
    ['a table', '| a | name |\n|---|---|\n| 1 | The river carries small boats |\n| 2 | x |\n\nEnd'],
    [
      'a wide table',
      '| a | b | c |\n|---|---|---|\n| Donaudampfschifffahrt | Kapitänswitwenrente | Gesellschaft |',
    ],
    ['a rule', 'One\n\n---\n\nTwo boats on the river, and a third'],
    ['Hebrew', 'הנהר נושא סירות קטנות\n\n- אחת\n- שתיים ו `code` three'],
  ])('takes no room in a growing text: %s', async (_, text) => {
    const { chat } = await begin()
    const faults = await chat.page.evaluateHandle(() => {
      const root = document.querySelector('chatbot-widget')!.shadowRoot!
      const body = root.querySelector('.assistant .body')!
      const noCaret = new CSSStyleSheet()
      noCaret.replaceSync('[data-end]::after { display: none !important }')
      const sizes = () =>
        [body, ...body.querySelectorAll('pre, .table')]
          .flatMap((each) => [each.clientHeight, each.clientWidth, each.scrollWidth])
          .join(' ')
      const seen = { samples: 0, carets: 0, faults: [] as string[] }
      new MutationObserver(() => {
        const end = body.querySelector('[data-end]')
        const hasCaret = end && getComputedStyle(end, '::after').content !== 'none'
        const withCaret = sizes()
        root.adoptedStyleSheets.push(noCaret)
        const without = sizes()
        root.adoptedStyleSheets.pop()
        seen.samples++
        if (hasCaret) seen.carets++
        if (withCaret !== without)
          seen.faults.push(`${body.textContent}: ${withCaret}, without caret ${without}`)
      }).observe(body, { childList: true, subtree: true, characterData: true, attributes: true })
      return seen
    })
    for (let length = 0; length < text.length; length++)
      await sendText(chat.page, text[length]!, text.slice(0, length))
    await expectText(chat, lastWord(text))
    const seen = await faults.jsonValue()
    expect(seen.faults).toEqual([])
    expect(seen.carets).toBeGreaterThan(1)
  })

  test('does not blink with reduced motion, and keeps its colour with forced colours', async () => {
    const { chat } = await begin({ reducedMotion: 'reduce', forcedColors: 'active' })
    await sendText(chat.page, 'Some words')
    await expect.poll(async () => (await caret(chat))?.in, patience).toBe('p')
    const style = await caret(chat)
    expect(style).toMatchObject({ animationName: 'none' })
    expect(parseFloat(style!.width)).toBeGreaterThan(3)
    const ground = await chat.lastReply.evaluate((body) => getComputedStyle(body).backgroundColor)
    expect(style!.color).not.toBe(ground)
  })

  test('comes with the first word after “Thinking…”, and is neither announced nor copied', async () => {
    const { chat } = await begin()
    await sendEvent(chat.page, 'turn.thinking', {})
    await chat.lastNote.getByText('Thinking…').waitFor()
    expect(await caret(chat)).toMatchObject({ content: 'none' })
    // A reply without text has its dots.
    expect(
      await chat.lastReply.evaluate((body) => getComputedStyle(body, '::before').content),
    ).toBe('"•••"')
    await sendText(chat.page, 'Some words')
    await expect.poll(async () => (await caret(chat))?.in, patience).toBe('p')
    expect(await chat.lastReply.innerText()).toBe('Some words')
    expect(await chat.page.getByRole('status').innerText()).not.toContain('Some')
    const snapshot = await chat.page.locator('.assistant').last().ariaSnapshot()
    expect(snapshot).toContain('Some words')
    expect(snapshot).not.toMatch(/[▍●•|]\s*$/m)
  })

  test.each(['light', 'dark'] as const)(
    'is no fault for axe, in the %s theme',
    async (colorScheme) => {
      const { chat } = await begin({ bypassCSP: true, colorScheme, reducedMotion: 'reduce' })
      const axe = readFileSync(
        createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
        'utf8',
      )
      await sendText(chat.page, '- one\n- two\n\nSome words')
      await expect.poll(async () => (await caret(chat))?.in, patience).toBe('p')
      await chat.page.evaluate(axe)
      const { violations } = await chat.page.evaluate<AxeResults>('axe.run()')
      expect(
        violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)),
      ).toEqual([])
    },
  )
})
