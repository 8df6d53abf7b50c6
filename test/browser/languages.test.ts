import { expect, test } from 'vitest'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { type Chat, expectText, reply, setUpSite } from '../rigs/visit-page.ts'
import { measure, sayHello, styleOf } from '../rigs/widget-look.ts'

const site = setUpSite()

test.each([
  ['of the page', { html: 'lang="en" dir="rtl"' }],
  ['of the widget', { body: hostScript('data-dir="rtl"') }],
])('right to left, by the direction %s, everything is mirrored', async (_name, host) => {
  const ltr = await visitHost(site)
  await sayHello(ltr)
  const rtl = await visitHost(site, host)
  await sayHello(rtl)
  const mirror = (boxes: Awaited<ReturnType<typeof measure>>) =>
    boxes.map(({ part, box: { x, width, ...rest } }) => ({
      part,
      box: { x: 1280 - x - width, width, ...rest },
    }))
  const boxes = (await measure(ltr)).map(({ part, box }) => ({ part, box }))
  expect(mirror(await measure(rtl))).toEqual(boxes)
})

test('each message has the direction of its own text', async () => {
  const chat = await visitHost(site)
  await chat.page.getByRole('button', { name: 'Open chat' }).click()
  await chat.say(reply('שלום, מה שלומך?'))
  await expectText(chat, 'שלום')
  const directions = await chat.messages.evaluateAll((bodies) =>
    bodies.map((body) => getComputedStyle(body.querySelector('p') ?? body).direction),
  )
  expect(directions).toEqual(['ltr', 'rtl'])
  await chat.input.fill('مرحبا')
  expect(await styleOf(chat.page, 'textarea', 'direction')).toBe('rtl')
})

/** The translations that were loaded. */
const languages = ({ requests }: Chat) =>
  requests.flatMap((request) => /\/chunks\/([a-z]{2})\.js$/.exec(request.url())?.[1] ?? [])

test('the widget has the language of its page and loads no other', async () => {
  const german = await visitHost(site, { html: 'lang="de-AT"' })
  await german.page.getByRole('button', { name: 'Chat öffnen' }).click()
  expect(await styleOf(german.page, '.panel', 'direction')).toBe('ltr')
  expect(languages(german)).toEqual(['de'])
  const english = await visitHost(site)
  await english.page.getByRole('button', { name: 'Open chat' }).click()
  expect(languages(english)).toEqual([])
  const unknown = await visitHost(site, { html: 'lang="tlh"' })
  await unknown.page.getByRole('button', { name: 'Open chat' }).click()
  expect(languages(unknown)).toEqual([])
})

test('the language follows the page and the widget at any time, and typed text stays', async () => {
  const chat = await visitHost(site, { body: hostScript('data-open') })
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  await chat.input.fill('half a sent')
  await chat.page.evaluate(() => (document.documentElement.lang = 'fr'))
  await chat.page.getByRole('button', { name: 'Nouvelle conversation' }).waitFor()
  await expectText(chat, 'Here I am')
  expect(await chat.input.inputValue()).toBe('half a sent')
  await chat.page.evaluate(() => (document.querySelector('chatbot-widget')!.lang = 'ja'))
  await chat.page.getByRole('button', { name: '新しいチャット' }).waitFor()
  expect(await chat.input.inputValue()).toBe('half a sent')
  expect(await chat.dialog.count()).toBe(1)
})

test('in Arabic the widget runs from right to left, also on another page', async () => {
  const { page, dialog } = await visitHost(site, { body: hostScript('data-open data-lang="ar"') })
  await dialog.waitFor()
  expect(await styleOf(page, '.panel', 'direction')).toBe('rtl')
  expect(await dialog.boundingBox()).toMatchObject({ x: 20 })
})

test('a page can replace some texts of a translation', async () => {
  const { page } = await visitHost(site, { html: 'lang="es"' })
  await page.evaluate(() => {
    document.querySelector('chatbot-widget')!.words = { open: '¿Dudas?' }
  })
  await page.getByRole('button', { name: '¿Dudas?' }).click()
  await page.getByRole('button', { name: 'Enviar' }).waitFor()
})

test('if a translation cannot be loaded, the widget has English texts', async () => {
  const { page } = await visitHost(site, {
    html: 'lang="pt-BR"',
    files: { '/chunks/pt.js': { contentType: 'text/javascript', body: 'throw new Error()' } },
  })
  await page.getByRole('button', { name: 'Open chat' }).waitFor()
})
