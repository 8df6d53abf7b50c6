import { expect, test } from 'vitest'
import { testDatabase } from '../rigs/conversation.ts'
import { userIdOf } from '../rigs/page-api.ts'
import { expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

test('a message that is too long stays in the composer, with an explanation', async () => {
  const chat = await site.visit()
  await chat.say('a'.repeat(8_012))
  await chat.page.getByRole('alert').getByText('12 characters too long').waitFor()
  expect(await chat.input.inputValue()).toHaveLength(8_012)
  expect(chat.turns()).toEqual([])
})

test('a message that the server refuses returns to the composer', async () => {
  const chat = await site.visit()
  await chat.say('NUL: \0')
  await chat.page.getByRole('alert').getByText('must not contain NUL').waitFor()
  expect(await chat.input.inputValue()).toBe('NUL: \0')
  expect(await chat.messages.count()).toBe(0)
})

test('a refused visitor token is reported, and a new chat begins as a new visitor', async () => {
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

test('after rate_limited the widget shows the wait and then sends the message', async () => {
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

test('a message over the daily limit returns to the composer, with an explanation', async () => {
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
