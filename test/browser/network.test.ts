import { expect, test } from 'vitest'
import { startCuttingLine } from '../rigs/start-cutting-line.ts'
import { type Chat, chatOn, expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

const TEN = 'one two three four five six seven eight nine ten'

/** How often the model was asked for a reply to the message with this mark. */
const modelCalls = (mark: string) =>
  site.worker.model.requests.filter(({ messages }) => messages.at(-1)?.content.includes(mark))
    .length

/** A second tab of the same visitor, with the chat open. */
async function openTab({ page }: Chat): Promise<Chat> {
  const tab = await page.context().newPage()
  const requests = site.watch(tab, site.worker.url)
  await tab.goto(page.url())
  return chatOn(tab, requests)
}

test.each([
  [[-1], [0], [1], [40]],
  [[120], [200], [260], [320]],
  [[380], [450], [520], [600]],
  [
    [300, -1],
    [300, 0],
    [300, 20],
    [300, 60, 0],
  ],
])(
  'a reply cut off after %j, %j, %j and %j bytes reads as if it had not been',
  { timeout: 90_000 },
  async (...all) => {
    const line = await startCuttingLine(site.worker.url)
    try {
      const chat = await site.visit({ url: line.url })
      for (const [index, cuts] of all.entries()) {
        const mark = `id=cut-${cuts.join('-')}`
        line.cutNext(...cuts)
        await chat.say(`${reply(TEN)} [[fault pace ms=20 ${mark}]]`)
        await chat.messages
          .nth(2 * index + 1)
          .getByText(TEN)
          .waitFor()
        await chat.settled()
        expect(await chat.messages.nth(2 * index + 1).innerText(), mark).toBe(TEN)
        expect(await chat.messages.count(), mark).toBe(2 * (index + 1))
        expect(modelCalls(mark), mark).toBe(1)
      }
      const shown = await chat.texts()
      await chat.page.reload()
      await chat.messages.nth(7).waitFor()
      expect(await chat.texts()).toEqual(shown)
    } finally {
      await line.close()
    }
  },
)

test('a message sent offline waits, goes once when the network is back, and is answered once', async () => {
  const chat = await site.visit()
  await chat.say(reply('Before'))
  await expectText(chat, 'Before')
  await chat.page.context().setOffline(true)
  await chat.say(`${reply('At last')} id=offline-1`)
  await chat.lastNote.getByText('This message goes when it is back').waitFor()
  // Typing goes on meanwhile.
  await chat.input.fill('and then')
  await chat.page.context().setOffline(false)
  await expectText(chat, 'At last')
  await chat.settled()
  expect(await chat.lastNote.isHidden()).toBe(true)
  expect(await chat.input.inputValue()).toBe('and then')
  expect(await chat.messages.count()).toBe(4)
  expect(modelCalls('id=offline-1')).toBe(1)
})

test('a message that waits for the network goes after a reload, once', async () => {
  const chat = await site.visit()
  await chat.say(reply('Before'))
  await expectText(chat, 'Before')
  await chat.settled()
  await chat.page.route('**/v1/**', (route) => route.abort('internetdisconnected'))
  await chat.say(`${reply('At last')} id=offline-2`)
  await chat.lastNote.getByText('This message goes when it is back').waitFor()
  await chat.page.reload()
  await chat.lastNote.getByText('This message goes when it is back').waitFor()
  expect(await chat.messages.allInnerTexts()).toEqual([expect.stringContaining('id=offline-2'), ''])
  await chat.page.unroute('**/v1/**')
  await chat.page.evaluate(() => dispatchEvent(new Event('online')))
  await expectText(chat, 'At last')
  await chat.settled()
  expect(await chat.messages.count()).toBe(4)
  expect(modelCalls('id=offline-2')).toBe(1)
})

test('what waits for the network can be taken back, and is sent at the visitor’s word alone', async () => {
  const chat = await site.visit()
  await chat.page.context().setOffline(true)
  await chat.say(`${reply('At last')} id=offline-3`)
  await chat.lastNote.getByText('This message goes when it is back').waitFor()
  await chat.page.getByRole('button', { name: 'Stop' }).click()
  await chat.lastNote.getByText('was not sent yet').waitFor()
  await chat.page.context().setOffline(false)
  await chat.page.reload()
  await chat.lastNote.getByText('was not sent yet').waitFor()
  expect(modelCalls('id=offline-3')).toBe(0)
  await chat.retry.click()
  await expectText(chat, 'At last')
  expect(modelCalls('id=offline-3')).toBe(1)
})

test('a reload while a reply is written joins it, shows it growing, and asks for nothing twice', async () => {
  const chat = await site.visit()
  const words = Array.from({ length: 30 }, (_, index) => `w${index}`).join(' ')
  await chat.say(`${reply(words)} [[fault pace ms=400]] id=reload-1`)
  await expectText(chat, 'w1')
  await chat.page.reload()
  const first = await chat.page.waitForFunction(() => {
    const root = document.querySelector('chatbot-widget')?.shadowRoot
    return root?.querySelector('.assistant .body')?.textContent
  })
  const shown = String(await first.jsonValue())
  expect(words.startsWith(shown) && shown.length < words.length, shown).toBe(true)
  await expectText(chat, 'w29')
  await chat.settled()
  expect(await chat.lastReply.innerText()).toBe(words)
  expect(chat.turns()).toHaveLength(1)
  expect(modelCalls('id=reload-1')).toBe(1)
})

test('two tabs show the same conversation, and go to a new chat together', async () => {
  const one = await site.visit()
  await one.say(reply('The first'))
  await expectText(one, 'The first')
  const two = await openTab(one)
  await expectText(two, 'The first')
  await one.say(`${reply(TEN)} id=tabs-1`)
  await two.messages.nth(3).getByText(TEN).waitFor()
  // The second goes on where the first was.
  await two.say(reply('The third'))
  await one.messages.nth(5).getByText('The third').waitFor()
  expect(await one.texts()).toEqual(await two.texts())
  expect(await one.messages.count()).toBe(6)
  expect(modelCalls('id=tabs-1')).toBe(1)

  await one.page.getByRole('button', { name: 'New chat' }).click()
  await two.messages.first().waitFor({ state: 'detached' })
  await two.say(reply('Anew'))
  await one.messages.nth(1).getByText('Anew').waitFor()
  expect(await one.texts()).toEqual(await two.texts())
})

test('a reply that is being written in one tab is seen in the other, and can be stopped there', async () => {
  const one = await site.visit()
  await one.say(reply('The first'))
  await expectText(one, 'The first')
  const two = await openTab(one)
  await expectText(two, 'The first')
  // The model says so much, and then nothing for a long time.
  await one.say(`${reply(TEN)} [[fault stall after=4]] id=tabs-2`)
  await two.messages.nth(3).getByText('one two three four').waitFor()
  expect(await two.page.locator('.message.is-open').count()).toBe(1)
  await two.page.getByRole('button', { name: 'Stop' }).click()
  for (const tab of [one, two]) {
    await tab.lastNote.getByText('This reply was cut off.').waitFor()
    expect(await tab.lastReply.innerText()).toBe('one two three four')
  }
  expect(await one.texts()).toEqual(await two.texts())
  expect(modelCalls('id=tabs-2')).toBe(1)
})

test('a chat that is renamed or deleted in one tab is so in the other', async () => {
  const one = await site.visit()
  await one.say(`Once upon a time ${reply('The first')}`)
  await expectText(one, 'The first')
  await one.settled()
  const two = await openTab(one)
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

test('the first message of a visitor shows in the other tab too', async () => {
  const one = await site.visit()
  const two = await openTab(one)
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
  const two = await openTab(one)
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
  // Nothing had happened at the first look, and nothing is stored at the second.
  expect(two.requests.slice(before).map((request) => request.url())).toEqual([])
})

test('a message of each of two tabs at once are both answered, and both tabs show both', async () => {
  const one = await site.visit()
  await one.say(reply('The first'))
  await expectText(one, 'The first')
  const two = await openTab(one)
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
