import { expect, test } from 'vitest'
import { testDatabase } from '../rigs/conversation.ts'
import { callApi, userIdOf } from '../rigs/page-api.ts'
import { seedSession } from '../rigs/seed-session.ts'
import { type Chat, expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

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

  // Escape leaves the title, then the list, then the chat.
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
  // The harmless button has the focus first.
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

test('after the shown chat is deleted, a new one is shown', async () => {
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

test('the list of past chats loads its next page', async () => {
  const chat = await site.visit()
  await chat.say(reply('The first'))
  await expectText(chat, 'The first')
  await chat.settled()
  const db = testDatabase()
  const userId = await userIdOf(chat)
  for (let index = 0; index < 55; index++) {
    const sessionId = crypto.randomUUID()
    await seedSession(db, { userId, sessionId }, [{ status: 'complete', tokens: 10 }])
    await callApi(chat, `/v1/sessions/${sessionId}`, {
      method: 'PATCH',
      body: { title: `Title ${index}` },
    })
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
