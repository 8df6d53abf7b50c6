import { expect, test } from 'vitest'
import {
  type Chat,
  openTab,
  expectText,
  modelCalls,
  reply,
  setUpSite,
  tenWords,
} from '../rigs/visit-page.ts'

const site = setUpSite()

test('two tabs show the same conversation and move to a new chat together', async () => {
  const one = await site.visit()
  await one.say(reply('The first'))
  await expectText(one, 'The first')
  const two = await openTab(site, one)
  await expectText(two, 'The first')
  await one.say(`${reply(tenWords)} id=tabs-1`)
  await two.messages.nth(3).getByText(tenWords).waitFor()
  // The second tab continues the session of the first.
  await two.say(reply('The third'))
  await one.messages.nth(5).getByText('The third').waitFor()
  expect(await one.texts()).toEqual(await two.texts())
  expect(await one.messages.count()).toBe(6)
  expect(modelCalls(site, 'id=tabs-1')).toBe(1)

  await one.page.getByRole('button', { name: 'New chat' }).click()
  await two.messages.first().waitFor({ state: 'detached' })
  await two.say(reply('Anew'))
  await one.messages.nth(1).getByText('Anew').waitFor()
  expect(await one.texts()).toEqual(await two.texts())
})

test('a running reply of one tab is shown in the other and can be stopped there', async () => {
  const one = await site.visit()
  await one.say(reply('The first'))
  await expectText(one, 'The first')
  const two = await openTab(site, one)
  await expectText(two, 'The first')
  // The model writes four words and then stalls.
  await one.say(`${reply(tenWords)} [[fault stall after=4]] id=tabs-2`)
  await two.messages.nth(3).getByText('one two three four').waitFor()
  expect(await two.page.locator('.message.is-open').count()).toBe(1)
  await two.page.getByRole('button', { name: 'Stop' }).click()
  for (const tab of [one, two]) {
    await tab.lastNote.getByText('This reply was cut off.').waitFor()
    expect(await tab.lastReply.innerText()).toBe('one two three four')
  }
  expect(await one.texts()).toEqual(await two.texts())
  expect(modelCalls(site, 'id=tabs-2')).toBe(1)
})

test('a chat that one tab renames or deletes changes in the other too', async () => {
  const one = await site.visit()
  await one.say(`Once upon a time ${reply('The first')}`)
  await expectText(one, 'The first')
  await one.settled()
  const two = await openTab(site, one)
  await expectText(two, 'The first')
  for (const { page } of [one, two]) await page.getByRole('button', { name: 'Past chats' }).click()
  const session = ({ page }: Chat, name: RegExp) => page.locator('.session').getByText(name)
  await session(two, /Once upon/).waitFor()
  await one.page.getByRole('button', { name: /^Rename/ }).click()
  await one.page.keyboard.type('A tale')
  await one.page.keyboard.press('Enter')
  await session(two, /A tale/).waitFor()
  await one.page.getByRole('button', { name: /^Delete/ }).click()
  await one.page.getByRole('button', { name: 'Delete', exact: true }).click()
  await two.page.getByText('There are no past chats.').waitFor()
  expect(await two.messages.count()).toBe(0)
})

test('the first message of a visitor appears in the other tab too', async () => {
  const one = await site.visit()
  const two = await openTab(site, one)
  await two.input.waitFor()
  await one.say(reply('The first'))
  await expectText(two, 'The first')
  expect(await two.texts()).toEqual(await one.texts())
})

test('without a BroadcastChannel a tab catches up when it is looked at', async () => {
  const one = await site.visit({
    init: () => Object.defineProperty(globalThis, 'BroadcastChannel', { value: undefined }),
  })
  await one.say(reply('The first'))
  await expectText(one, 'The first')
  const two = await openTab(site, one)
  await expectText(two, 'The first')
  await one.say(reply('The second'))
  await expectText(one, 'The second')
  await one.settled()
  expect(await two.messages.count()).toBe(2)
  const look = () => two.page.evaluate(() => void dispatchEvent(new Event('focus')))
  await look()
  await two.messages.nth(3).getByText('The second').waitFor()
  expect(await two.texts()).toEqual(await one.texts())
  const before = two.requests.length
  await look()
  await one.page.getByRole('button', { name: 'New chat' }).click()
  await look()
  await two.messages.first().waitFor({ state: 'detached' })
  // At the first look there was no news, and at the second the new session has nothing to read.
  expect(two.requests.slice(before).map((request) => request.url())).toEqual([])
})

test('two tabs send at the same time: both messages are answered, and both tabs show both', async () => {
  const one = await site.visit()
  await one.say(reply('The first'))
  await expectText(one, 'The first')
  const two = await openTab(site, one)
  await expectText(two, 'The first')
  const slow = (text: string) => `${reply(text)} [[fault pace ms=100]]`
  await Promise.all([one.say(slow('From the one')), two.say(slow('From the other'))])
  for (const tab of [one, two]) {
    await tab.messages.nth(5).waitFor()
    await tab.messages.getByText('From the one', { exact: true }).waitFor()
    await tab.messages.getByText('From the other', { exact: true }).waitFor()
    await tab.settled()
    expect(await tab.messages.count()).toBe(6)
  }
  await expect
    .poll(async () => (await one.texts()).join() === (await two.texts()).join())
    .toBe(true)
})
