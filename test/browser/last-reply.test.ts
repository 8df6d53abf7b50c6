import { expect, test } from 'vitest'
import { storedMessages } from '../rigs/page-api.ts'
import { type Chat, expectText, reply, setUpSite, tenWords } from '../rigs/visit-page.ts'

const site = setUpSite()

const tool = ({ page }: Chat, name: string) =>
  page.locator('.assistant').last().getByRole('button', { name })

test('another reply replaces the last one, also after a reload', async () => {
  const chat = await site.visit()
  await chat.say(`${reply(tenWords)} [[fault cut after=3 times=1 id=${crypto.randomUUID()}]]`)
  await chat.lastNote.getByText('This reply was cut off.').waitFor()
  await tool(chat, 'Another reply').click()
  await expectText(chat, tenWords)
  await chat.settled()
  expect(await chat.messages.count()).toBe(2)
  expect(await chat.lastNote.isHidden()).toBe(true)
  const [first, again] = chat.turns()
  expect(again).toMatchObject({ ...first, regenerate: expect.any(String) })
  await chat.page.reload()
  await expectText(chat, tenWords)
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

test('if another reply fails, the old one stays, also after a reload', async () => {
  const chat = await site.visit()
  const fault = `[[fault status status=500 times=1 id=${crypto.randomUUID()}]]`
  await chat.say(`${reply(tenWords)} ${fault}`)
  await chat.retry.click()
  await expectText(chat, tenWords)
  await chat.settled()
  // The offline model fails once per message. Now it fails for this message again.
  site.worker.model.clear()
  await tool(chat, 'Another reply').click()
  await chat.lastNote.getByText('cannot be reached').waitFor()
  expect(await chat.lastReply.innerText()).toBe(tenWords)
  await chat.page.reload()
  await expectText(chat, tenWords)
  expect(await chat.lastNote.isHidden()).toBe(true)
  await tool(chat, 'Another reply').click()
  await chat.settled()
  expect(await chat.lastReply.innerText()).toBe(tenWords)
  expect(await chat.messages.count()).toBe(2)
  expect(await storedMessages(chat)).toMatchObject([{}, { status: 'complete', content: tenWords }])
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

test('a thumb is stored with the reply, restored after a reload, and can be taken back', async () => {
  const chat = await site.visit()
  await chat.say(reply('Like it?'))
  await expectText(chat, 'Like it?')
  await chat.settled()
  const pressed = () =>
    Promise.all(
      ['Good reply', 'Bad reply'].map((name) => tool(chat, name).getAttribute('aria-pressed')),
    )
  const expectStored = (rating: string | undefined) =>
    expect.poll(async () => (await storedMessages(chat))[1]?.feedback?.rating).toBe(rating)

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

test('a thumb that cannot be stored is not shown as pressed', async () => {
  const chat = await site.visit()
  await chat.say(reply('Like it?'))
  await expectText(chat, 'Like it?')
  await chat.settled()
  await chat.page.route('**/feedback', (route) => route.abort())
  await tool(chat, 'Good reply').click()
  await chat.lastNote.getByText('no connection').waitFor()
  expect(await tool(chat, 'Good reply').getAttribute('aria-pressed')).toBe('false')
})
