import type { Route } from 'playwright-core'
import { expect, test } from 'vitest'
import { byHand, visitHost } from '../rigs/host-page.ts'
import { jwtSecret, signIn } from '../rigs/signed-in-user.ts'
import {
  type Chat,
  expectText,
  modelCalls,
  patience,
  reply,
  setUpSite,
} from '../rigs/visit-page.ts'

const site = setUpSite({ vars: { AUTH_JWT_SECRET: jwtSecret } })

type Widget = HTMLElementTagNameMap['chatbot-widget']

/** Signs a user in and claims the visitor's sessions, as a site does after its login. Does not wait for the claim. */
async function signInAndClaim({ page }: Chat, sub: string): Promise<void> {
  await page.evaluate(
    (token) => {
      const widget = document.querySelector<Widget>('chatbot-widget')!
      widget.setToken(token)
      const claimed = widget.claim().then(
        () => 'done',
        (error: Error) => error.message,
      )
      Object.assign(globalThis, { claimed })
    },
    await signIn(sub),
  )
}

const outcome = ({ page }: Chat) => page.evaluate<string>('claimed')

const setToken = ({ page }: Chat, token: string | undefined) =>
  page.evaluate((next) => document.querySelector<Widget>('chatbot-widget')!.setToken(next), token)

const isOfVisitor = (route: Route) =>
  route.request().headers()['authorization']?.startsWith('Bearer vst_') === true

/** Lets the visitor's next turn reach the Worker and loses the answer, then answers further ones by `faults`, in order. */
async function loseAnswer({ page }: Chat, ...faults: ((route: Route) => Promise<void>)[]) {
  let isLost = false
  await page.route('**/v1/chat', async (route) => {
    if (!isOfVisitor(route)) return route.fallback()
    if (!isLost) {
      isLost = true
      await route.fetch()
      return route.abort('connectionreset')
    }
    const fault = faults.shift()
    return fault ? fault(route) : route.fallback()
  })
}

const refuse =
  (status: number, code: string, headers: Record<string, string> = {}) =>
  (route: Route): Promise<void> =>
    route.fulfill({
      status,
      contentType: 'application/problem+json',
      headers,
      body: JSON.stringify({ status, code, title: code }),
    })

const later = { 'retry-after': '1' }

/** The visitor's requests and the claims, by path. */
function order({ requests }: Chat): string[] {
  return requests
    .filter((request) => request.method() === 'POST')
    .map((request) => new URL(request.url()).pathname)
    .filter((path) => path !== '/v1/visitors')
}

const visit = () => visitHost(site, { body: byHand('open') })

test('a claim brings the visitor’s conversation and draft to the user, and the next visitor finds nothing', async () => {
  const chat = await visit()
  const user = crypto.randomUUID()
  await chat.say(reply('The visitor'))
  await expectText(chat, 'The visitor')
  await chat.settled()
  await chat.input.fill('a draft')
  await signInAndClaim(chat, user)
  expect(await outcome(chat)).toBe('done')
  await expectText(chat, 'The visitor')
  expect(await chat.input.inputValue()).toBe('a draft')
  await setToken(chat, undefined)
  await expect.poll(() => chat.messages.count(), patience).toBe(0)
  expect(await chat.input.inputValue()).toBe('')
  await chat.say(reply('Somebody else'))
  await expectText(chat, 'Somebody else')
  await chat.settled()
  // The user finds it on another page view, without another claim.
  await chat.page.reload()
  await setToken(chat, await signIn(user))
  await expectText(chat, 'The visitor')
})

test('a user who has a conversation keeps it on the screen, and finds the claimed one among the past chats', async () => {
  const chat = await visit()
  const user = crypto.randomUUID()
  await setToken(chat, await signIn(user))
  await chat.say(reply('Of the user'))
  await expectText(chat, 'Of the user')
  await chat.settled()
  await setToken(chat, undefined)
  await expect.poll(() => chat.messages.count(), patience).toBe(0)
  await chat.say(`${reply('Of the visitor')} first`)
  await expectText(chat, 'Of the visitor')
  await chat.settled()
  await signInAndClaim(chat, user)
  expect(await outcome(chat)).toBe('done')
  await expectText(chat, 'Of the user')
  await chat.page.getByRole('button', { name: 'Past chats' }).click()
  await chat.page.locator('.session').getByText('Of the visitor').click()
  await expectText(chat, 'Of the visitor')
})

test('a first turn whose answer was lost is settled before the claim, and the model is paid once', async () => {
  const chat = await visit()
  await loseAnswer(chat)
  await chat.say(`${reply('Paid once')} id=claim-1`)
  await chat.lastNote.getByText('This message goes when it is back').waitFor()
  await signInAndClaim(chat, crypto.randomUUID())
  expect(await outcome(chat)).toBe('done')
  await expectText(chat, 'Paid once')
  expect(await chat.texts()).toEqual([expect.stringContaining('claim-1'), 'Paid once'])
  expect(modelCalls(site, 'id=claim-1')).toBe(1)
  expect(order(chat)).toEqual(['/v1/chat', '/v1/chat', '/v1/sessions/claim'])
})

test.each([
  ['the database is down', [refuse(503, 'database_unavailable', later)]],
  ['there is no connection', [(route: Route) => route.abort('internetdisconnected')]],
  ['there were too many requests', [refuse(429, 'rate_limited', later)]],
  ['a proxy answers', [(route: Route) => route.fulfill({ status: 502, body: '<h1>Bad gateway' })]],
])(
  'while %s, the claim waits, the user’s own chat works, and nothing is paid twice',
  async (_, [fault]) => {
    const chat = await visit()
    const mark = `id=${crypto.randomUUID()}`
    let isMended = false
    const untilMended = async (route: Route): Promise<void> => {
      if (!isMended) return fault!(route)
      return route.fallback()
    }
    await loseAnswer(chat, ...Array<typeof untilMended>(50).fill(untilMended))
    await chat.say(`${reply('The visitor')} ${mark}`)
    await chat.lastNote.getByText('This message goes when it is back').waitFor()
    await signInAndClaim(chat, crypto.randomUUID())
    await expect.poll(() => chat.messages.count(), patience).toBe(0)
    await chat.say(reply('Of the user'))
    await expectText(chat, 'Of the user')
    await chat.settled()
    expect(order(chat)).not.toContain('/v1/sessions/claim')
    isMended = true
    await chat.page.evaluate(() => dispatchEvent(new Event('online')))
    expect(await outcome(chat)).toBe('done')
    expect(modelCalls(site, mark)).toBe(1)
    await chat.page.getByRole('button', { name: 'Past chats' }).click()
    await chat.page.locator('.session').getByText('The visitor').click()
    await expectText(chat, 'The visitor')
    expect(await chat.messages.count()).toBe(2)
  },
)

test('a claim that fails for now is sent again, also after the page was closed, without another call of claim()', async () => {
  const chat = await visit()
  const user = crypto.randomUUID()
  await chat.say(reply('The visitor'))
  await expectText(chat, 'The visitor')
  await chat.settled()
  await chat.page.route('**/v1/sessions/claim', refuse(503, 'claim_unfinished', later))
  await signInAndClaim(chat, user)
  const claims = () => order(chat).filter((path) => path === '/v1/sessions/claim').length
  await expect.poll(claims, patience).toBeGreaterThan(1)
  await chat.page.reload()
  await chat.page.unroute('**/v1/sessions/claim')
  await setToken(chat, await signIn(user))
  await expectText(chat, 'The visitor')
})

test.each([
  ['goes on if nobody has written as a visitor since', () => Promise.resolve(), true],
  ['ends with the first word of another visitor', (chat: Chat) => chat.input.fill('W'), false],
  [
    'ends with another visitor’s message that the page sends',
    async ({ page }: Chat) => {
      await page.evaluate(
        (text) => document.querySelector<Widget>('chatbot-widget')!.send(text),
        reply('Another visitor'),
      )
    },
    false,
  ],
])('a claim that was not finished when the user signed out %s', async (_, write, goesOn) => {
  const chat = await visit()
  const user = crypto.randomUUID()
  await chat.say(reply('The visitor'))
  await expectText(chat, 'The visitor')
  await chat.settled()
  await chat.page.route('**/v1/sessions/claim', (route) => route.abort('internetdisconnected'))
  await signInAndClaim(chat, user)
  await expect.poll(() => order(chat), patience).toContain('/v1/sessions/claim')
  await setToken(chat, await signIn(crypto.randomUUID()))
  await expect.poll(() => chat.messages.count(), patience).toBe(0)
  await setToken(chat, undefined)
  await expectText(chat, 'The visitor')
  await write(chat)
  await chat.page.unroute('**/v1/sessions/claim')
  await setToken(chat, await signIn(user))
  if (goesOn) return expectText(chat, 'The visitor')
  await expect.poll(() => chat.messages.count(), patience).toBe(0)
  await chat.page.reload()
  await setToken(chat, await signIn(user))
  await chat.send.waitFor()
  await setToken(chat, undefined)
  await chat.messages.getByText('The visitor').last().waitFor()
})

test('a first turn that the server refuses, or that waits for the visitor, comes to the user’s composer', async () => {
  const chat = await visit()
  await loseAnswer(chat, refuse(429, 'daily_limit_reached'))
  await chat.say(`${reply('Lost')} id=claim-refused`)
  await chat.lastNote.getByText('This message goes when it is back').waitFor()
  await signInAndClaim(chat, crypto.randomUUID())
  expect(await outcome(chat)).toBe('done')
  await expect.poll(() => chat.input.inputValue(), patience).toContain('id=claim-refused')

  const held = await visit()
  await held.page.route('**/v1/chat', (route) => route.abort('internetdisconnected'))
  await held.say(`${reply('Held')} id=claim-held`)
  await held.lastNote.getByText('This message goes when it is back').waitFor()
  await held.page.getByRole('button', { name: 'Stop' }).click()
  await held.lastNote.getByText('was not sent yet').waitFor()
  await held.page.unroute('**/v1/chat')
  await signInAndClaim(held, crypto.randomUUID())
  expect(await outcome(held)).toBe('done')
  await expect.poll(() => held.input.inputValue(), patience).toContain('id=claim-held')
  expect(modelCalls(site, 'id=claim-held')).toBe(0)
})

test('without a signed-in user there is nothing to claim for', async () => {
  const chat = await visit()
  const message = await chat.page.evaluate(() =>
    document
      .querySelector<Widget>('chatbot-widget')!
      .claim()
      .catch((error: Error) => error.message),
  )
  expect(message).toContain('Nobody is signed in')
})
