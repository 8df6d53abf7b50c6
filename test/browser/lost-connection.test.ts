import { expect, test } from 'vitest'
import { startCuttingLine } from '../rigs/start-cutting-line.ts'
import { startLine } from '../rigs/start-line.ts'
import { expectText, modelCalls, reply, setUpSite, tenWords } from '../rigs/visit-page.ts'

const site = setUpSite()

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
  'replies whose streams break after %j, %j, %j and %j bytes are shown completely and once',
  { timeout: 90_000 },
  async (...all) => {
    const line = await startCuttingLine(site.worker.url)
    try {
      const chat = await site.visit({ url: line.url })
      for (const [index, cuts] of all.entries()) {
        const mark = `id=cut-${cuts.join('-')}`
        line.cutNext(...cuts)
        await chat.say(`${reply(tenWords)} [[fault pace ms=20 ${mark}]]`)
        await chat.messages
          .nth(2 * index + 1)
          .getByText(tenWords)
          .waitFor()
        await chat.settled()
        expect(await chat.messages.nth(2 * index + 1).innerText(), mark).toBe(tenWords)
        expect(await chat.messages.count(), mark).toBe(2 * (index + 1))
        expect(modelCalls(site, mark), mark).toBe(1)
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

test('a connection lost during a reply is reported, and the reply is shown completely', async () => {
  const line = await startLine(site.worker.url)
  try {
    const chat = await site.visit({ url: line.url })
    await chat.say(`${reply(tenWords)} [[fault pace ms=200]]`)
    await expectText(chat, 'one two')
    line.cut()
    await chat.lastNote.getByText('The connection was lost').waitFor()
    await expectText(chat, tenWords)
    expect(await chat.messages.count()).toBe(2)
    expect(await chat.lastNote.isHidden()).toBe(true)
    await chat.page.reload()
    await expectText(chat, tenWords)
    expect(await chat.messages.count()).toBe(2)
    expect(
      site.worker.model.requests.filter(({ messages }) =>
        messages.at(-1)?.content.includes('ms=200'),
      ),
    ).toHaveLength(1)
  } finally {
    line.close()
  }
})

test('a message sent offline is sent once when the network is back, and answered once', async () => {
  const chat = await site.visit()
  await chat.say(reply('Before'))
  await expectText(chat, 'Before')
  await chat.page.context().setOffline(true)
  await chat.say(`${reply('At last')} id=offline-1`)
  await chat.lastNote.getByText('This message goes when it is back').waitFor()
  // The visitor can type in the meantime.
  await chat.input.fill('and then')
  await chat.page.context().setOffline(false)
  await expectText(chat, 'At last')
  await chat.settled()
  expect(await chat.lastNote.isHidden()).toBe(true)
  expect(await chat.input.inputValue()).toBe('and then')
  expect(await chat.messages.count()).toBe(4)
  expect(modelCalls(site, 'id=offline-1')).toBe(1)
})

test('a message that waits for the network is sent once, also after a reload', async () => {
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
  expect(modelCalls(site, 'id=offline-2')).toBe(1)
})

test('a waiting message can be withdrawn, and then only the visitor sends it', async () => {
  const chat = await site.visit()
  await chat.page.context().setOffline(true)
  await chat.say(`${reply('At last')} id=offline-3`)
  await chat.lastNote.getByText('This message goes when it is back').waitFor()
  await chat.page.getByRole('button', { name: 'Stop' }).click()
  await chat.lastNote.getByText('was not sent yet').waitFor()
  await chat.page.context().setOffline(false)
  await chat.page.reload()
  await chat.lastNote.getByText('was not sent yet').waitFor()
  expect(modelCalls(site, 'id=offline-3')).toBe(0)
  await chat.retry.click()
  await expectText(chat, 'At last')
  expect(modelCalls(site, 'id=offline-3')).toBe(1)
})

test('a reload during a reply joins it, shows it growing, and sends nothing twice', async () => {
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
  expect(modelCalls(site, 'id=reload-1')).toBe(1)
})
