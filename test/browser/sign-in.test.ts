import { expect, test } from 'vitest'
import { byHand, visitHost } from '../rigs/host-page.ts'
import { jwtSecret, signIn } from '../rigs/signed-in-user.ts'
import { expectText, patience, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite({ vars: { AUTH_JWT_SECRET: jwtSecret } })

test('a signed-in user sees only their own chat, and the visitor’s chat returns after it', async () => {
  const chat = await visitHost(site, { body: byHand('open') })
  const { page } = chat
  const setToken = (token: string | undefined) =>
    page.evaluate((next) => document.querySelector('chatbot-widget')!.setToken(next), token)
  const talk = async (words: string) => {
    await chat.say(reply(words))
    await expectText(chat, words)
    await chat.settled()
    await chat.input.fill(`draft of ${words}`)
  }
  const shown = async () => [...(await chat.texts()).slice(1), await chat.input.inputValue()]

  await talk('the visitor')
  await setToken(await signIn('ada'))
  await expect.poll(shown, patience).toEqual([''])
  await talk('ada')
  // On the next page view another user is signed in.
  await page.reload()
  await setToken(await signIn('bob'))
  await expect.poll(shown, patience).toEqual([''])
  expect(await page.evaluate(() => document.body.innerText)).not.toContain('ada')
  await talk('bob')
  await setToken(await signIn('ada'))
  await expect.poll(shown, patience).toEqual(['ada', 'draft of ada'])
  await setToken(undefined)
  await expect.poll(shown, patience).toEqual(['the visitor', 'draft of the visitor'])
  const stored = await page.evaluate(() => JSON.stringify(localStorage))
  expect(stored).not.toContain(await signIn('ada').then((token) => token.split('.')[1]))
})

test('the provider is asked for the token, and without a token the user is a visitor', async () => {
  const chat = await visitHost(site, { body: byHand('') })
  const { page } = chat
  await page.evaluate(
    (token) => {
      const widget = document.querySelector('chatbot-widget')!
      widget.userToken = () => Promise.resolve(token)
      widget.open()
    },
    await signIn('carol'),
  )
  await chat.say(reply('Signed in'))
  await expectText(chat, 'Signed in')
  await chat.settled()
  const paths = () => chat.requests.map((request) => new URL(request.url()).pathname)
  expect(paths()).not.toContain('/v1/visitors')

  await page.evaluate(() => document.querySelector('chatbot-widget')!.setToken(() => undefined))
  await expect.poll(() => chat.messages.count(), patience).toBe(0)
  await chat.say(reply('A visitor'))
  await expectText(chat, 'A visitor')
  expect(paths()).toContain('/v1/visitors')
})
