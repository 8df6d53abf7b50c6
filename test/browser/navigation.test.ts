import { expect, test } from 'vitest'
import { byHand, hostScript, visitHost } from '../rigs/host-page.ts'
import { go, goBack, installRouters, morph, routers } from '../rigs/routers.ts'
import {
  type Chat,
  expectText,
  modelCalls,
  patience,
  reply,
  setUpSite,
  tenWords,
} from '../rigs/visit-page.ts'

const site = setUpSite()

/** Routers parse HTML, which the strict policy of the other host pages forbids. */
const policy = "default-src 'self'"

type Place = 'head' | 'body' | 'first page only'

/** The next page, with the tag in the same place as on the first page. */
function pageWith(content: string, place: Place, attributes = ''): string {
  const tag = hostScript(attributes)
  const [head, end] = place === 'head' ? [tag, ''] : ['', place === 'body' ? tag : '']
  return `<!doctype html><html lang="en"><head><title>Next</title>${head}</head><body><h1>${content}</h1>${end}</body></html>`
}

function visit(place: Place, attributes = ''): Promise<Chat> {
  const tag = hostScript(attributes)
  const [head, end] = place === 'head' ? [tag, ''] : ['', tag]
  return visitHost(
    site,
    { head, body: `<h1>First</h1><main></main>${end}`, policy },
    { init: installRouters },
  )
}

const widgets = ({ page }: Chat) => page.locator('chatbot-widget').count()

/** Waits until a removed widget has cleaned up and a scrolled log has heard of it. */
async function settle({ page }: Chat): Promise<void> {
  await page.evaluate(
    () =>
      new Promise((resolve) => {
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)))
      }),
  )
}

const everyWay = routers.flatMap((router) =>
  (['head', 'body', 'first page only'] as const).map((place) => [router, place] as const),
)

test.each(everyWay)(
  'with %s and the tag in the %s, the same chat goes on: open, with its draft, its focus and its running reply',
  async (router, place) => {
    const chat = await visit(place)
    const { page } = chat
    const mark = `id=${router}-${place.replaceAll(' ', '-')}`
    await page.getByRole('button', { name: 'Open chat' }).click()
    await chat.say(`${reply(tenWords)} [[fault pace ms=300 ${mark}]]`)
    await expectText(chat, 'one two')
    await chat.input.fill('My draft')
    await page.keyboard.press('ArrowLeft')
    const joined = () => chat.requests.filter((request) => request.url().endsWith('/stream')).length
    for (const content of ['Second', 'Third']) {
      // A page without a language shows English too.
      const language = content === 'Second' ? '' : ' lang="en"'
      await go(page, router, pageWith(content, place).replace(' lang="en"', language))
      await page.getByRole('heading', { name: content }).waitFor()
      expect(await chat.dialog.isVisible()).toBe(true)
      await page.keyboard.type('!')
    }
    await settle(chat)
    expect(await widgets(chat)).toBe(1)
    expect(await chat.input.inputValue()).toBe('My draf!!t')
    await expectText(chat, tenWords)
    await chat.settled()
    expect(await chat.texts()).toEqual([expect.stringContaining(mark), tenWords])
    // The stream was never cut: nothing was joined, nothing was sent again.
    expect([chat.turns().length, joined(), modelCalls(site, mark)]).toEqual([1, 0, 1])
    await page.reload()
    await page.getByRole('button', { name: 'Open chat' }).click()
    await expectText(chat, tenWords)
  },
)

test.each(routers)('with %s a closed chat stays closed, and its button works', async (router) => {
  const chat = await visit('head')
  await go(chat.page, router, pageWith('Second', 'head'))
  await settle(chat)
  expect(await chat.dialog.isHidden()).toBe(true)
  await chat.page.getByRole('button', { name: 'Open chat' }).click()
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  expect(await widgets(chat)).toBe(1)
})

test('the reader’s place in a long conversation survives, and the panel is not animated again', async () => {
  const chat = await visit('head', 'data-open')
  const { page } = chat
  const lines = Array.from({ length: 40 }, (_, line) => `line ${line}`).join('\n\n')
  for (let time = 0; time < 3; time++) {
    await chat.say(reply(lines))
    await chat.messages
      .nth(2 * time + 1)
      .getByText('line 39')
      .waitFor()
    await chat.settled()
  }
  const top = () =>
    chat.messages
      .nth(3)
      .getByText('line 20')
      .evaluate((line) => Math.round(line.getBoundingClientRect().top))
  await chat.messages.nth(3).getByText('line 20').scrollIntoViewIfNeeded()
  // The log hears of its scrolling with the next frame.
  await settle(chat)
  const before = await top()
  await page.emulateMedia({ reducedMotion: 'no-preference' })
  await go(page, 'turbo', pageWith('Second', 'head'))
  expect(await top()).toBe(before)
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
  await settle(chat)
  expect(await top()).toBe(before)

  // A reader at the end stays at the end.
  const distanceToEnd = () =>
    page
      .getByRole('log')
      .evaluate((log) => Math.round(log.scrollHeight - log.scrollTop - log.clientHeight))
  await page.getByRole('log').evaluate((log) => log.scrollTo(0, log.scrollHeight))
  await settle(chat)
  await go(page, 'htmx', pageWith('Third', 'head'))
  expect(await distanceToEnd()).toBe(0)
})

test('a copy of the widget in a page that the router has cached is not a second widget', async () => {
  const chat = await visit('body')
  const { page } = chat
  await page.getByRole('button', { name: 'Open chat' }).click()
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await go(page, 'turbo', pageWith('Second', 'body'))
  await page.keyboard.press('Escape')
  await goBack(page)
  await page.getByRole('heading', { name: 'First' }).waitFor()
  await settle(chat)
  expect(await widgets(chat)).toBe(1)
  // The visitor has closed the chat since.
  expect(await chat.dialog.isHidden()).toBe(true)
  await page.getByRole('button', { name: 'Open chat' }).click()
  await expectText(chat, 'Here I am')
})

test('a page refresh by morphing keeps the widget', async () => {
  const chat = await visit('body', 'data-open')
  await chat.input.fill('My draft')
  await morph(chat.page, pageWith('Second', 'body', 'data-open'))
  await chat.page.getByRole('heading', { name: 'Second' }).waitFor()
  await settle(chat)
  expect(await widgets(chat)).toBe(1)
  expect(await chat.input.inputValue()).toBe('My draft')
})

test.each(routers)(
  'with %s a page with a widget of its own shows only that one',
  async (router) => {
    const chat = await visit('head', 'data-open')
    const { page } = chat
    await chat.input.fill('My draft')
    const own = '<chatbot-widget title="Own" open></chatbot-widget>'
    await go(page, router, pageWith('Second', 'head').replace('</body>', `${own}</body>`))
    await page.getByRole('dialog', { name: 'Own' }).waitFor()
    await settle(chat)
    expect(await widgets(chat)).toBe(1)
    expect(await chat.input.inputValue()).toBe('My draft')
    // The page after it has none of its own again.
    await go(page, router, pageWith('Third', 'head', 'data-open'))
    await page.getByRole('dialog', { name: 'Host' }).waitFor()
    expect(await widgets(chat)).toBe(1)
  },
)

test.each([...routers])(
  'with %s a page that says data-auto="off" shows no widget',
  async (router) => {
    const chat = await visit('body')
    await go(chat.page, router, pageWith('Second', 'body', 'data-auto="off"'))
    await settle(chat)
    expect(await widgets(chat)).toBe(0)
    await go(chat.page, router, pageWith('Third', 'body'))
    await chat.page.getByRole('button', { name: 'Open chat' }).waitFor()
    expect(await widgets(chat)).toBe(1)
  },
)

test('the next page’s tag changes the texts, but does not open or close the chat', async () => {
  const chat = await visit('body', 'data-greeting="About the first page" data-open')
  const { page } = chat
  await page.getByText('About the first page').waitFor()
  const second = 'data-greeting="About the second page" data-placeholder="Ask"'
  await go(page, 'turbo', pageWith('Second', 'body', second))
  await page.getByText('About the second page').waitFor()
  expect(await chat.dialog.isVisible()).toBe(true)
  expect(await chat.input.getAttribute('placeholder')).toBe('Ask')
  await go(page, 'turbo', pageWith('Third', 'body'))
  await page.getByText('Hello. How can I help?').waitFor()
  expect(await chat.input.getAttribute('placeholder')).toBe('Write a message')
})

test('an inline chat moves to the tag of the next page, and is gone on a page without it', async () => {
  const chat = await visit('body', 'data-inline')
  const { page } = chat
  await chat.input.fill('My draft')
  const order = () =>
    page.evaluate(() => Array.from(document.body.children, (each) => each.localName))
  await go(page, 'htmx', pageWith('Second', 'body', 'data-inline'))
  await expect.poll(order, patience).toEqual(['h1', 'script', 'chatbot-widget'])
  expect(await chat.input.inputValue()).toBe('My draft')
  await go(page, 'htmx', pageWith('Third', 'first page only'))
  await settle(chat)
  expect(await widgets(chat)).toBe(0)
  await go(page, 'htmx', pageWith('Fourth', 'body', 'data-inline'))
  await page.getByRole('region', { name: 'Host' }).waitFor()
  expect(await chat.input.inputValue()).toBe('My draft')
})

test('a page in another language shows the chat in that language', async () => {
  const chat = await visit('head', 'data-open')
  await chat.input.fill('My draft')
  await go(chat.page, 'turbo', pageWith('Zweite', 'head', 'data-open').replace('"en"', '"de"'))
  await chat.page.getByRole('button', { name: 'Senden' }).waitFor()
  expect(await chat.input.inputValue()).toBe('My draft')
})

const removals: [string, () => void][] = [
  ['by remove()', () => document.querySelector('chatbot-widget')!.remove()],
  [
    'together with another element',
    () => document.querySelectorAll('main, chatbot-widget').forEach((each) => each.remove()),
  ],
  [
    'while another element is added',
    () => document.querySelector('chatbot-widget')!.replaceWith(document.createElement('p')),
  ],
]

test.each(removals)(
  'a widget that the page removes %s stays removed, on later pages and on cached ones too',
  async (_, remove) => {
    const chat = await visit('head', 'data-open')
    const { page } = chat
    await go(page, 'turbo', pageWith('Second', 'head').replace('</h1>', '</h1><main></main>'))
    await page.evaluate(remove)
    await settle(chat)
    expect(await widgets(chat)).toBe(0)
    for (const router of routers) {
      await go(page, router, pageWith('Third', 'head'))
      await settle(chat)
      expect(await widgets(chat), router).toBe(0)
    }
    await go(page, 'turbo', pageWith('Fourth', 'head'))
    await goBack(page)
    await settle(chat)
    expect(await widgets(chat)).toBe(0)
  },
)

test('a cached page with a copy of a widget that was removed since does not show it', async () => {
  const chat = await visit('head', 'data-open')
  const { page } = chat
  await go(page, 'turbo', pageWith('Second', 'head'))
  await page.evaluate(() => document.querySelector('chatbot-widget')!.remove())
  await settle(chat)
  await goBack(page)
  await settle(chat)
  expect(await widgets(chat)).toBe(0)
})

test('a page that moves its widget keeps the chat as it is', async () => {
  const chat = await visit('head', 'data-open')
  const { page } = chat
  await chat.say(`${reply(tenWords)} [[fault pace ms=200 id=moved]]`)
  await expectText(chat, 'one two')
  await page.evaluate(() =>
    document.querySelector('main')!.append(document.querySelector('chatbot-widget')!),
  )
  expect(await chat.dialog.isVisible()).toBe(true)
  await expectText(chat, tenWords)
  await chat.settled()
  expect(modelCalls(site, 'id=moved')).toBe(1)
  expect(chat.requests.filter((request) => request.url().endsWith('/stream'))).toEqual([])
})

test.each([
  [
    'Turbo keeps permanent elements',
    async () => {
      const widget = document.querySelector('chatbot-widget')!
      const next = document.createElement('body')
      const placeholder = document.createElement('meta')
      next.append(placeholder)
      document.body.replaceWith(next)
      await Promise.resolve()
      await Promise.resolve()
      widget.replaceWith(widget.cloneNode(true))
      placeholder.replaceWith(widget)
    },
  ],
  [
    'Astro keeps persisted elements',
    () => {
      const widget = document.querySelector('chatbot-widget')!
      const next = document.createElement('body')
      const target = document.createElement('chatbot-widget')
      next.append(target)
      document.documentElement.append(widget)
      document.body.replaceWith(next)
      target.replaceWith(widget)
    },
  ],
] as [string, () => void][])(
  'a handwritten widget goes on if it is kept as %s',
  async (_, keep) => {
    const chat = await visitHost(site, { body: byHand('id="chat" title="Host" open'), policy })
    const { page } = chat
    await chat.say(`${reply(tenWords)} [[fault pace ms=200]]`)
    await expectText(chat, 'one two')
    await chat.input.fill('My draft')
    await page.evaluate(keep)
    await page.keyboard.type('!')
    await expectText(chat, tenWords)
    await chat.settled()
    expect(await chat.input.inputValue()).toBe('My draft!')
    expect(await widgets(chat)).toBe(1)
    expect(chat.requests.filter((request) => request.url().endsWith('/stream'))).toEqual([])
  },
)
