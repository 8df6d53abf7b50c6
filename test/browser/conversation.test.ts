import { expect, test } from 'vitest'
import { testDatabase } from '../rigs/conversation.ts'
import { seedSession } from '../rigs/seed-session.ts'
import { type Chat, expectText, reply, setUpSite } from '../rigs/visit-page.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const site = setUpSite()

const TEN = 'one two three four five six seven eight nine ten'

const tool = ({ page }: Chat, name: string) =>
  page.locator('.assistant').last().getByRole('button', { name })

/** Calls the API as the visitor of the page. */
function callApi({ page }: Chat, path: string, init: { method?: string; body?: unknown } = {}) {
  return page.evaluate(
    async ([url, { method = 'GET', body }]) => {
      const read = (name: string) => {
        const key = Object.keys(localStorage).find((each) => each.endsWith(name))
        return localStorage.getItem(key ?? '') ?? ''
      }
      const response = await fetch(url.replace(':session', read(':session')), {
        method,
        headers: {
          authorization: `Bearer ${read(':token')}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return response.json()
    },
    [path, init] as const,
  )
}

const stored = async (chat: Chat) =>
  (await callApi(chat, '/v1/sessions/:session/messages')).data as {
    id: string
    role: string
    content: string
    status: string
    feedback?: { rating: string }
  }[]

test('a stopped reply is kept as far as it came, and says so', async () => {
  const chat = await site.visit()
  const words = Array.from({ length: 200 }, (_, index) => `w${index}`).join(' ')
  await chat.say(`${reply(words)} [[fault pace ms=100]]`)
  await expectText(chat, 'w3')
  await chat.page.getByRole('button', { name: 'Stop' }).click()
  await chat.lastNote.getByText('This reply was cut off.').waitFor()
  await chat.settled()
  const shown = await chat.lastReply.innerText()
  expect(words.startsWith(shown) && shown.length < words.length).toBe(true)
  expect(await stored(chat)).toMatchObject([{}, { status: 'interrupted', content: shown }])
  // The focus was on the button that is gone.
  expect(await chat.input.evaluate((element) => element.matches(':focus'))).toBe(true)
  await chat.say(reply('Go on'))
  await expectText(chat, 'Go on')
})

test('another reply takes the place of the last one, also after a reload', async () => {
  const chat = await site.visit()
  await chat.say(`${reply(TEN)} [[fault cut after=3 times=1 id=${crypto.randomUUID()}]]`)
  await chat.lastNote.getByText('This reply was cut off.').waitFor()
  await tool(chat, 'Another reply').click()
  await expectText(chat, TEN)
  await chat.settled()
  expect(await chat.messages.count()).toBe(2)
  expect(await chat.lastNote.isHidden()).toBe(true)
  const [first, again] = chat.turns()
  expect(again).toMatchObject({ ...first, regenerate: expect.any(String) })
  await chat.page.reload()
  await expectText(chat, TEN)
  expect(await chat.messages.count()).toBe(2)
})

test('only the last reply can be replaced', async () => {
  const chat = await site.visit()
  await chat.say(reply('The first'))
  await expectText(chat, 'The first')
  await chat.say(reply('The second'))
  await expectText(chat, 'The second')
  await chat.settled()
  expect(await chat.page.getByRole('button', { name: 'Another reply' }).count()).toBe(1)
})

test('a reply that could not be replaced is still there, also after a reload, until another comes', async () => {
  const chat = await site.visit()
  const fault = `[[fault status status=500 times=1 id=${crypto.randomUUID()}]]`
  await chat.say(`${reply(TEN)} ${fault}`)
  await chat.retry.click()
  await expectText(chat, TEN)
  await chat.settled()
  // The model forgets that it has failed for this message.
  site.worker.model.clear()
  await tool(chat, 'Another reply').click()
  await chat.lastNote.getByText('cannot be reached').waitFor()
  expect(await chat.lastReply.innerText()).toBe(TEN)
  await chat.page.reload()
  await expectText(chat, TEN)
  await chat.lastNote.getByText('no reply').waitFor()
  await chat.retry.click()
  await chat.lastNote.waitFor({ state: 'hidden' })
  await chat.settled()
  expect(await chat.lastReply.innerText()).toBe(TEN)
  expect(await stored(chat)).toMatchObject([{}, { status: 'complete', content: TEN }])
})

test('a message is copied as it was written', async () => {
  const chat = await site.visit({ permissions: ['clipboard-read', 'clipboard-write'] })
  await chat.say(reply('**Bold** and `code`'))
  await expectText(chat, 'Bold and code')
  await chat.settled()
  await tool(chat, 'Copy').click()
  await tool(chat, 'Copied').waitFor()
  expect(await chat.page.evaluate(() => navigator.clipboard.readText())).toBe('**Bold** and `code`')
})

test('a thumb is stored with the reply, shown again after a reload, and taken back', async () => {
  const chat = await site.visit()
  await chat.say(reply('Like it?'))
  await expectText(chat, 'Like it?')
  await chat.settled()
  const pressed = () =>
    Promise.all(
      ['Good reply', 'Bad reply'].map((name) => tool(chat, name).getAttribute('aria-pressed')),
    )
  const expectStored = (rating: string | undefined) =>
    expect.poll(async () => (await stored(chat))[1]?.feedback?.rating).toBe(rating)

  await tool(chat, 'Good reply').click()
  expect(await pressed()).toEqual(['true', 'false'])
  await expectStored('up')
  await tool(chat, 'Bad reply').click()
  expect(await pressed()).toEqual(['false', 'true'])
  await expectStored('down')
  await chat.page.reload()
  await expectText(chat, 'Like it?')
  expect(await pressed()).toEqual(['false', 'true'])
  await tool(chat, 'Bad reply').click()
  expect(await pressed()).toEqual(['false', 'false'])
  await expectStored(undefined)
})

test('a thumb that could not be stored is not shown as if it were', async () => {
  const chat = await site.visit()
  await chat.say(reply('Like it?'))
  await expectText(chat, 'Like it?')
  await chat.settled()
  await chat.page.route('**/feedback', (route) => route.abort())
  await tool(chat, 'Good reply').click()
  await chat.lastNote.getByText('no connection').waitFor()
  expect(await tool(chat, 'Good reply').getAttribute('aria-pressed')).toBe('false')
})

test('text selected on the page becomes what the message is about, and is shown with it', async () => {
  const chat = await site.visit()
  const ask = chat.page.getByRole('button', { name: 'Ask about this' })
  const chip = chat.page.locator('.chip')
  await chat.page.getByRole('heading', { level: 1 }).selectText()
  await ask.click()
  await chip.getByText('neon-chat-history').waitFor()
  expect(await ask.isHidden()).toBe(true)
  expect(await chat.input.evaluate((element) => element.matches(':focus'))).toBe(true)
  // It survives a reload, as what is typed does, and can be removed.
  await chat.page.reload()
  await chip.getByText('neon-chat-history').waitFor()
  await chip.getByRole('button', { name: 'Remove the quotation' }).click()
  await chip.waitFor({ state: 'hidden' })

  await chat.page.getByRole('heading', { level: 1 }).selectText()
  await ask.click()
  await chat.say('What is it?')
  await expectText(chat, 'You selected')
  expect(chat.turns()).toMatchObject([{ context_text: 'neon-chat-history' }])
  expect(await chip.isHidden()).toBe(true)
  const quotation = chat.page.locator('.message.user .quotation')
  expect(await quotation.innerText()).toBe('neon-chat-history')
  await chat.page.reload()
  await expectText(chat, 'You selected')
  expect(await quotation.innerText()).toBe('neon-chat-history')
})

test('a selection is cut where the API ends, between characters, and offered only from the page', async () => {
  const chat = await site.visit({ viewport: { width: 900, height: 700 } })
  const ask = chat.page.getByRole('button', { name: 'Ask about this' })
  await chat.page.evaluate(() => {
    document.querySelector('h1')!.textContent = 'a'.repeat(7_999) + '😀'.repeat(9)
  })
  await chat.page.getByRole('heading', { level: 1 }).selectText()
  // The chat is closed: asking opens it.
  await ask.click()
  await chat.dialog.waitFor()
  await chat.say('How long?')
  await expectText(chat, 'You selected')
  expect(chat.turns()[0].context_text).toBe('a'.repeat(7_999))
  await chat.page.getByRole('heading', { level: 1 }).selectText()
  await ask.waitFor()
  await chat.input.fill('select me')
  await chat.input.selectText()
  await ask.waitFor({ state: 'hidden' })
  await chat.page.getByRole('heading', { level: 1 }).selectText()
  await ask.waitFor()
  await chat.page.evaluate(() => {
    document.querySelector('chatbot-widget')!.setAttribute('selection', 'off')
  })
  await ask.waitFor({ state: 'hidden' })
})

test('suggested questions are sent by a click, and only an empty conversation offers them', async () => {
  const chat = await site.visit()
  await chat.page.evaluate(() => {
    document.querySelector('chatbot-widget')!.suggestions = ['What can you do?', 'Who are you?']
  })
  const suggestion = chat.page.getByRole('button', { name: 'What can you do?' })
  await suggestion.waitFor()
  expect(chat.requests.filter((request) => request.url().includes('/v1/'))).toEqual([])
  await suggestion.click()
  await expectText(chat, 'ask for it later')
  expect(chat.turns()).toMatchObject([{ message: 'What can you do?' }])
  expect(await suggestion.isHidden()).toBe(true)
  await chat.page.getByRole('button', { name: 'New chat' }).click()
  await suggestion.waitFor()
})

async function userIdOf({ page }: Chat): Promise<string> {
  const token = await page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(':token'))
    return localStorage.getItem(key ?? '') ?? ''
  })
  return visitorIdOf(token)
}

/** Shows a session of so many turns, written past the API. */
async function showLongSession(chat: Chat, turns: number): Promise<void> {
  await chat.say(reply('Hello'))
  await expectText(chat, 'Hello')
  await chat.settled()
  const sessionId = crypto.randomUUID()
  await seedSession(
    testDatabase(),
    { userId: await userIdOf(chat), sessionId },
    Array.from({ length: turns }, () => ({ status: 'complete' as const, tokens: 10 })),
  )
  await chat.page.evaluate(
    (id) => document.querySelector('chatbot-widget')!.setSession(id),
    sessionId,
  )
  await expectText(chat, `reply ${2 * turns}`)
}

test('older messages come as one scrolls up, and what is read stays where it is', async () => {
  const chat = await site.visit()
  await showLongSession(chat, 111)
  expect(await chat.messages.count()).toBe(50)
  const log = chat.page.getByRole('log')
  // At the end, although what is far from it was not laid out.
  expect(
    await log.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight),
  ).toBeLessThan(2)

  for (const [count, oldest] of [
    [150, 'reply 174'],
    [222, 'reply 74'],
  ] as const) {
    const reading = chat.page.locator('.assistant .body').getByText(oldest, { exact: true })
    const place = () => reading.evaluate((node) => node.getBoundingClientRect().y)
    await log.evaluate((node) => void (node.scrollTop = 0))
    const before = await place()
    await chat.messages.nth(count - 1).waitFor({ state: 'attached' })
    expect(Math.abs((await place()) - before), oldest).toBeLessThan(3)
  }
  const replies = await chat.page.locator('.assistant .body').allTextContents()
  expect(replies).toEqual(Array.from({ length: 111 }, (_, turn) => `reply ${2 * turn + 2}`))
  await chat.page
    .getByRole('button', { name: 'Load earlier messages' })
    .waitFor({ state: 'hidden' })
})

test('where nothing tells that one scrolls, a button brings the older messages', async () => {
  const chat = await site.visit({
    init: () => Object.defineProperty(globalThis, 'IntersectionObserver', { value: undefined }),
  })
  await showLongSession(chat, 27)
  expect(await chat.messages.count()).toBe(50)
  const earlier = chat.page.getByRole('button', { name: 'Load earlier messages' })
  await earlier.focus()
  await chat.page.keyboard.press('Enter')
  await chat.messages.nth(53).waitFor({ state: 'attached' })
  // The button is gone; who pressed it by keyboard goes on in the conversation.
  expect(await earlier.count()).toBe(0)
  expect(await chat.page.getByRole('log').evaluate((log) => log.matches(':focus'))).toBe(true)
})

test(
  'of 2,000 messages only those near the reader are laid out',
  { timeout: 120_000 },
  async () => {
    const chat = await site.visit()
    await showLongSession(chat, 1_000)
    const log = chat.page.getByRole('log')
    for (let count = 150; count <= 2_050; count += 100) {
      await log.evaluate((node) => void (node.scrollTop = 0))
      await chat.messages.nth(Math.min(count, 2_000) - 1).waitFor({ state: 'attached' })
    }
    const laidOut = () =>
      chat.messages.evaluateAll(
        (bodies) =>
          bodies.filter((body) => body.checkVisibility({ contentVisibilityAuto: true })).length,
      )
    expect(await chat.messages.count()).toBe(2_000)
    expect(await laidOut()).toBeLessThan(150)
    await chat.say(reply('Still here'))
    await expectText(chat, 'Still here')
    expect(await laidOut()).toBeLessThan(150)
  },
)

const sessions = async (chat: Chat) =>
  (await callApi(chat, '/v1/sessions')).data as { id: string; title: string }[]

test('past chats are listed, opened, renamed and deleted by keyboard', async () => {
  const chat = await site.visit()
  for (const text of ['The first', 'The second']) {
    await chat.page.getByRole('button', { name: 'New chat' }).click()
    await chat.say(`${text} ${reply(`Reply to ${text}`)}`)
    await expectText(chat, `Reply to ${text}`)
    await chat.settled()
  }
  const { page } = chat
  const past = page.getByRole('button', { name: 'Past chats' })
  const list = page.getByRole('region', { name: 'Past chats' })
  const row = (name: RegExp) => list.getByRole('listitem').filter({ hasText: name })
  const hasFocus = (name: string) =>
    expect
      .poll(() =>
        list.getByRole('button', { name, exact: true }).evaluate((e) => e.matches(':focus')),
      )
      .toBe(true)

  await past.focus()
  await page.keyboard.press('Enter')
  await row(/The second/).waitFor()
  expect(await past.getAttribute('aria-expanded')).toBe('true')
  expect(await list.getByRole('listitem').count()).toBe(2)
  expect(await list.locator('[aria-current=true]').innerText()).toContain('The second')
  expect(await list.locator('time').first().getAttribute('datetime')).toMatch(/^\d{4}-/)
  expect(await chat.input.isHidden()).toBe(true)

  // Escape leaves the name, then the list, then the chat.
  const rename = row(/The first/).getByRole('button', { name: /^Rename/ })
  await rename.focus()
  await page.keyboard.press('Enter')
  await page.keyboard.type('thrown away')
  await page.keyboard.press('Escape')
  expect(await rename.evaluate((element) => element.matches(':focus'))).toBe(true)
  await page.keyboard.press('Enter')
  await page.keyboard.type('My <b>name</b>')
  await page.keyboard.press('Enter')
  await row(/My <b>name<\/b>/).waitFor()
  await hasFocus('Rename: My <b>name</b>')
  expect((await sessions(chat)).map(({ title }) => title)).toContain('My <b>name</b>')

  await row(/My/).getByRole('button').first().focus()
  await page.keyboard.press('Enter')
  await expectText(chat, 'Reply to The first')
  expect(await chat.messages.count()).toBe(2)
  expect(await list.isHidden()).toBe(true)

  await past.focus()
  await page.keyboard.press('Enter')
  await row(/The second/)
    .getByRole('button', { name: /^Delete/ })
    .press('Enter')
  // The first that has the focus does no harm.
  await hasFocus('Cancel')
  await page.keyboard.press('Enter')
  await row(/The second/)
    .getByRole('button', { name: /^Delete/ })
    .press('Enter')
  await list.getByRole('button', { name: 'Delete', exact: true }).press('Enter')
  await row(/The second/).waitFor({ state: 'detached' })
  expect(await sessions(chat)).toMatchObject([{ title: 'My <b>name</b>' }])
  expect(await list.locator('.session').evaluate((element) => element.matches(':focus'))).toBe(true)

  await page.keyboard.press('Escape')
  expect(await past.evaluate((element) => element.matches(':focus'))).toBe(true)
  await expectText(chat, 'Reply to The first')
})

test('who deletes the chat that is shown is in a new one', async () => {
  const chat = await site.visit()
  await chat.say(`Forget me ${reply('Yes')}`)
  await expectText(chat, 'Yes')
  await chat.settled()
  const { page } = chat
  await page.getByRole('button', { name: 'Past chats' }).click()
  await page.getByRole('button', { name: /^Delete: Forget me/ }).click()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByText('There are no past chats.').waitFor()
  await page.getByRole('button', { name: 'Past chats' }).click()
  expect(await chat.messages.count()).toBe(0)
  expect(await sessions(chat)).toEqual([])
  await page.reload()
  await chat.say(reply('Anew'))
  await expectText(chat, 'Anew')
  expect(chat.turns().at(-1)).not.toHaveProperty('session_id')
})

test('the list of past chats goes on where its page ends', async () => {
  const chat = await site.visit()
  await chat.say(reply('The first'))
  await expectText(chat, 'The first')
  await chat.settled()
  for (let index = 0; index < 55; index++) {
    await callApi(chat, '/v1/sessions', { method: 'POST', body: { title: `Title ${index}` } })
  }
  await chat.page.getByRole('button', { name: 'Past chats' }).click()
  const list = chat.page.getByRole('region', { name: 'Past chats' })
  await list.getByRole('listitem').nth(49).waitFor()
  await list.getByRole('button', { name: 'Show more' }).click()
  await list.getByRole('listitem').nth(55).waitFor()
  expect(await list.getByRole('listitem').count()).toBe(56)
  expect(await list.getByRole('button', { name: 'Show more' }).isHidden()).toBe(true)
  const titles = await list.locator('.session .title').allTextContents()
  expect(new Set(titles).size).toBe(56)
})

test('where the visitor’s token is refused, the words say so, and a new chat begins as a new visitor', async () => {
  const chat = await site.visit()
  await chat.say(reply('The first'))
  await expectText(chat, 'The first')
  await chat.settled()
  await chat.page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(':token'))
    localStorage.setItem(key ?? '', 'no-token')
  })
  await chat.say(reply('The second'))
  await chat.page.getByRole('alert').getByText('not signed in').waitFor()
  expect(await chat.input.inputValue()).toBe(reply('The second'))
  await chat.page.reload()
  await chat.page.locator('.notice').getByText('not signed in').waitFor()
  await chat.page.getByRole('log').getByRole('button', { name: 'New chat' }).click()
  await chat.send.click()
  await expectText(chat, 'The second')
})

test('a limit of messages in a time is waited for, visibly; then the message goes by itself', async () => {
  const chat = await site.visit()
  let isFirst = true
  await chat.page.route('**/v1/chat', (route) => {
    if (!isFirst) return route.fallback()
    isFirst = false
    return route.fulfill({
      status: 429,
      headers: { 'retry-after': '5' },
      contentType: 'application/problem+json',
      body: JSON.stringify({ status: 429, code: 'rate_limited', title: 'Too many requests' }),
    })
  })
  await chat.say(reply('At last'))
  await chat.lastNote.getByText('This one goes in 5 seconds').waitFor()
  await expectText(chat, 'At last')
  expect(await chat.messages.count()).toBe(2)
})

test('a message over the limit of the day comes back to the box, in words', async () => {
  const chat = await site.visit()
  await chat.say(reply('The first'))
  await expectText(chat, 'The first')
  await chat.settled()
  await testDatabase()
    .kysely.updateTable('spending')
    .set({ tokens: 1_000_000_000 })
    .where('payer', '=', await userIdOf(chat))
    .execute()
  await chat.say('One more')
  await chat.page.getByRole('alert').getByText('limit for today').waitFor()
  expect(await chat.input.inputValue()).toBe('One more')
  expect(await chat.messages.count()).toBe(2)
  await chat.page.reload()
  await chat.messages.nth(1).waitFor()
  expect(await chat.input.inputValue()).toBe('One more')
  expect(await chat.messages.count()).toBe(2)
})

test('what was sent does not come back to the box after a reload', async () => {
  const chat = await site.visit()
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  await chat.page.reload()
  await expectText(chat, 'Here I am')
  expect(await chat.input.inputValue()).toBe('')
})

test('a reply that came while the chat was closed is in sight when it is opened', async () => {
  const chat = await site.visit()
  await chat.say(reply('line\n\n'.repeat(40) + 'the end'))
  await expectText(chat, 'the end')
  await chat.settled()
  await chat.page.evaluate(
    async (text) => {
      const widget = document.querySelector('chatbot-widget')!
      widget.close()
      await widget.send(text)
      widget.open()
    },
    reply('line\n\n'.repeat(40) + 'the very end'),
  )
  await expectText(chat, 'the very end')
  const { bottom, edge } = await chat.page.evaluate(() => {
    const root = document.querySelector('chatbot-widget')!.shadowRoot!
    return {
      bottom: root.querySelector('.assistant:last-child .body')!.getBoundingClientRect().bottom,
      edge: root.querySelector('.log')!.getBoundingClientRect().bottom,
    }
  })
  expect(bottom).toBeLessThanOrEqual(edge)
})

test('a conversation that cannot be loaded comes when the network is back', async () => {
  const chat = await site.visit({ viewport: { width: 900, height: 700 } })
  const chunk = '**/chunks/conversation.js*'
  await chat.page.route(chunk, (route) => route.abort())
  await chat.page.getByRole('button', { name: 'Open chat' }).click()
  await chat.page.getByText('There is no connection to the chat.').waitFor()
  await chat.page.unroute(chunk)
  await chat.say(reply('At last'))
  await expectText(chat, 'At last')
})
