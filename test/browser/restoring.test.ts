import { expect, test } from 'vitest'
import { expectText, reply, setUpSite, tenWords } from '../rigs/visit-page.ts'

const site = setUpSite()

test('after a reload the conversation is restored and continues in the same session', async () => {
  const chat = await site.visit()
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

test('a reload during a reply loses nothing and repeats nothing', async () => {
  const chat = await site.visit()
  await chat.say(`${reply(tenWords)} [[fault pace ms=100]]`)
  await expectText(chat, 'one two')
  await chat.page.reload()
  await expectText(chat, tenWords)
  expect(await chat.messages.count()).toBe(2)
  expect(new Set(chat.turns().map(({ message_id }) => message_id)).size).toBe(1)
})

test('typed text survives a reload', async () => {
  const { page, input } = await site.visit()
  await input.fill('half a sent')
  await page.reload()
  expect(await input.inputValue()).toBe('half a sent')
  await page.getByRole('button', { name: 'Send', disabled: false }).waitFor()
})

test('a sent message is not in the composer after a reload', async () => {
  const chat = await site.visit()
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  await chat.page.reload()
  await expectText(chat, 'Here I am')
  expect(await chat.input.inputValue()).toBe('')
})

test('a new chat is a new session, and a reload shows that one', async () => {
  const chat = await site.visit()
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

test('if the session no longer exists, the next message starts a new one', async () => {
  const chat = await site.visit()
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

test('without storage and a secure context the chat works until the page is closed', async () => {
  const chat = await site.visit({
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
