import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { testDatabase } from '../rigs/conversation.ts'
import { storedMessages } from '../rigs/page-api.ts'
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

const wordMs = 100
const words = (count: number) =>
  Array.from({ length: count }, (_, index) => `word${index}`).join(' ')

interface Sample {
  at: number
  length: number
}

/** The length of the last reply on the screen, every 200 ms, from its first word on. */
function sample(page: Page) {
  return page.evaluateHandle(() => {
    const samples: Sample[] = []
    setInterval(() => {
      const bodies = document
        .querySelector('chatbot-widget')
        ?.shadowRoot?.querySelectorAll('.assistant .body')
      const length = Array.from(bodies ?? []).at(-1)?.textContent.length ?? 0
      if (length > 0) samples.push({ at: Date.now(), length })
    }, 200)
    return samples
  })
}

/** How many words the model has written, at any time until `end`. */
function sampleModel(mark: string) {
  const seen: { at: number; words: number }[] = []
  const timer = setInterval(() => {
    const call = site.worker.model.requests.find(({ messages }) =>
      messages.at(-1)?.content.includes(mark),
    )
    seen.push({ at: Date.now(), words: call?.deltasSent ?? 0 })
  }, 20)
  return {
    at: (time: number) => seen.findLast(({ at }) => at <= time)?.words ?? 0,
    end: () => clearInterval(timer),
  }
}

test('a joined reply grows in nine of ten samples while the model writes evenly, and tabs differ by less than a second of text', async () => {
  const one = await site.visit()
  await one.say(reply('The first'))
  await expectText(one, 'The first')
  const two = await openTab(site, one)
  await expectText(two, 'The first')
  await one.say(`${reply(words(100))} [[fault pace ms=${wordMs}]] id=live-1`)
  for (const { page } of [one, two]) await page.locator('.message.is-open').waitFor()
  const sent = sampleModel('id=live-1')
  const [own, joined] = await Promise.all([sample(one.page), sample(two.page)])
  await Promise.all([one, two].map((tab) => expectText(tab, 'word95')))
  sent.end()
  const samples = { own: await own.jsonValue(), joined: await joined.jsonValue() }
  for (const [name, all] of Object.entries(samples)) {
    // On a busy machine the model writes unevenly: a sample counts if the model wrote since the one before.
    const pairs = all
      .map((now, index) => ({ now, before: all[index - 1] ?? { at: now.at - 200, length: 0 } }))
      .filter(({ now, before }) => sent.at(now.at) > sent.at(before.at))
    const grown = pairs.filter(({ now, before }) => now.length > before.length)
    expect(grown.length / pairs.length, name).toBeGreaterThanOrEqual(0.9)
    expect(pairs.length, name).toBeGreaterThan(20)
  }
  // A second before, the one tab showed no more than the other shows now.
  const behind = (late: Sample[], early: Sample[]) =>
    late.filter(
      ({ at, length }) => (early.findLast((other) => other.at <= at - 1_000)?.length ?? 0) > length,
    )
  expect(behind(samples.joined, samples.own)).toEqual([])
  expect(behind(samples.own, samples.joined)).toEqual([])
  expect(modelCalls(site, 'id=live-1')).toBe(1)
})

test('a reply that was reloaded is stopped at once, and the next message is accepted at once', async () => {
  const chat = await site.visit()
  const refused: number[] = []
  chat.page.on('response', (response) => {
    if (response.status() === 409) refused.push(response.status())
  })
  await chat.say(`${reply(words(300))} [[fault pace ms=${wordMs}]]`)
  await expectText(chat, 'word3')
  await chat.page.reload()
  await expectText(chat, 'word5')
  const before = chat.requests.length
  await chat.page.getByRole('button', { name: 'Stop' }).click()
  await chat.lastNote.getByText('This reply was cut off.').waitFor()
  const paths = chat.requests.slice(before).map((request) => new URL(request.url()).pathname)
  expect(paths.filter((path) => path.endsWith('/stop'))).toHaveLength(1)
  await chat.say(reply('The next'))
  await expectText(chat, 'The next')
  await chat.settled()
  expect(refused).toEqual([])
  expect(chat.turns()).toHaveLength(2)
})

/** A visitor with the reply of a dead Worker: it has left a checkpoint, and a lease that still runs for this time. */
async function visitAbandoned(leaseMs: number): Promise<{ chat: Chat; id: string }> {
  const chat = await site.visit()
  await chat.say(`${reply(tenWords)} [[fault cut after=3]]`)
  await expectText(chat, 'one two three')
  await chat.settled()
  const [, cut] = await storedMessages(chat)
  await testDatabase()
    .kysely.updateTable('messages')
    .set({
      status: 'streaming',
      lease: crypto.randomUUID(),
      lease_expires_at: new Date(Date.now() + leaseMs).toISOString(),
      finish_reason: null,
      error_code: null,
    })
    .where('id', '=', cut!.id)
    .execute()
  return { chat, id: cut!.id }
}

test('a joined reply whose Worker has died offers to continue as soon as its lease has expired', async () => {
  const { chat, id } = await visitAbandoned(5_000)
  await chat.page.reload()
  await chat.page.locator('.message.is-open').waitFor()
  const button = chat.page.getByRole('button', { name: 'Continue' })
  expect(await button.count()).toBe(0)
  await button.waitFor()
  expect(await chat.lastReply.innerText()).toBe('one two three')
  // One join has brought it: the client has neither joined again nor sent the message again.
  const joins = chat.requests.filter((request) => request.url().endsWith(`${id}/stream`))
  expect(joins).toHaveLength(1)
  expect(chat.turns()).toHaveLength(1)
  await button.click()
  await expectText(chat, tenWords)
})

test('the note of a lost connection goes when the join is answered, before there is new text', async () => {
  const { chat } = await visitAbandoned(20_000)
  await chat.page.route('**/stream', (route) => route.abort(), { times: 1 })
  await chat.page.reload()
  const note = chat.lastNote.getByText('The connection was lost')
  await note.waitFor()
  await note.waitFor({ state: 'hidden' })
  const caret = await chat.page
    .locator('.message.is-open [data-end]')
    .evaluate((end) => getComputedStyle(end, '::after').content)
  expect(caret).toBe('""')
  expect(await chat.page.getByRole('button', { name: 'Continue' }).count()).toBe(0)
})
