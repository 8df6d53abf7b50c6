import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { testDatabase } from '../rigs/conversation.ts'
import { userIdOf } from '../rigs/page-api.ts'
import { seedSession } from '../rigs/seed-session.ts'
import { type Chat, expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

/** Writes a session with this number of turns into the database and shows it. */
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

async function nextFrames(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        requestAnimationFrame(() => requestAnimationFrame(() => resolve()))
      }),
  )
}

test('scrolling up loads older messages without moving the visible ones', async () => {
  const chat = await site.visit()
  await showLongSession(chat, 111)
  expect(await chat.messages.count()).toBe(50)
  const log = chat.page.getByRole('log')
  // The log is at its end, although distant messages have no layout.
  expect(
    await log.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight),
  ).toBeLessThan(2)

  for (const [count, oldest] of [
    [150, 'reply 174'],
    [222, 'reply 74'],
  ] as const) {
    const reading = chat.page.locator('.assistant .body').getByText(oldest, { exact: true })
    // Messages that come into view get their true height in the next frame.
    const place = async () => {
      await nextFrames(chat.page)
      return reading.evaluate((node) => node.getBoundingClientRect().y)
    }
    const earlier = Promise.withResolvers<void>()
    await chat.page.route(/[?&]before=/, async (route) => {
      await earlier.promise
      await route.continue()
    })
    await log.evaluate((node) => void (node.scrollTop = 0))
    const before = await place()
    earlier.resolve()
    await chat.messages.nth(count - 1).waitFor({ state: 'attached' })
    expect(Math.abs((await place()) - before), oldest).toBeLessThan(3)
    await chat.page.unrouteAll()
  }
  const replies = await chat.page.locator('.assistant .body').allTextContents()
  expect(replies).toEqual(Array.from({ length: 111 }, (_, turn) => `reply ${2 * turn + 2}`))
  await chat.page
    .getByRole('button', { name: 'Load earlier messages' })
    .waitFor({ state: 'hidden' })
})

test('without an IntersectionObserver a button loads the older messages', async () => {
  const chat = await site.visit({
    init: () => Object.defineProperty(globalThis, 'IntersectionObserver', { value: undefined }),
  })
  await showLongSession(chat, 27)
  expect(await chat.messages.count()).toBe(50)
  const earlier = chat.page.getByRole('button', { name: 'Load earlier messages' })
  await earlier.focus()
  await chat.page.keyboard.press('Enter')
  await chat.messages.nth(53).waitFor({ state: 'attached' })
  // The button is gone, so the log has the focus.
  expect(await earlier.count()).toBe(0)
  expect(await chat.page.getByRole('log').evaluate((log) => log.matches(':focus'))).toBe(true)
})

test(
  'of 2,000 messages only those near the reader have a layout',
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
