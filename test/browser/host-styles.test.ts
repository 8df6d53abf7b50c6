import { expect, test } from 'vitest'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { patience, setUpSite } from '../rigs/visit-page.ts'
import { measure, sayHello, styleOf } from '../rigs/widget-look.ts'

const site = setUpSite()

test.each([
  ['resets everything', '* { all: unset !important }'],
  [
    'has rules for every element',
    `button, div, section, header, textarea, ol, li, p, h2, form, svg, span, chatbot-widget {
      display: inline !important; width: 3px !important; opacity: 0.1 !important;
      position: static !important; color: red !important; padding: 40px !important;
      font: 40px/3 monospace !important; visibility: hidden !important;
      pointer-events: none !important; letter-spacing: 9px !important;
    }`,
  ],
  [
    'moves, clips, scales and blurs itself',
    `html { font-size: 480% !important; transform: translate(40px, 90px) rotate(4deg); contain: paint }
    body { display: grid; gap: 80px; transform: scale(0.5); filter: blur(3px); overflow: hidden;
      height: 40px; width: 200px; opacity: 0.2; text-transform: uppercase; word-spacing: 30px;
      letter-spacing: 0.5em; line-height: 4; cursor: none; user-select: none; clip-path: inset(0) }`,
  ],
  [
    'covers everything with an overlay',
    `.overlay { position: fixed; inset: 0; z-index: 2147483647; background: gold }
    chatbot-widget { position: relative; z-index: -1; transform: translateX(-2000px); overflow: hidden }`,
  ],
])('on a page that %s the widget looks and works as on any other', async (_name, css) => {
  const body = `<div class="overlay"></div>${hostScript()}`
  const plain = await visitHost(site, { body })
  await sayHello(plain)
  const hostile = await visitHost(site, { body, css })
  await sayHello(hostile)
  expect(await measure(hostile)).toEqual(await measure(plain))
  expect(await hostile.dialog.boundingBox()).toMatchObject({ x: 860, width: 400 })
  await hostile.page.getByRole('button', { name: 'Close chat' }).first().click()
  await hostile.dialog.waitFor({ state: 'hidden' })
})

test('a page sets the colours and sizes of the widget, and styles its parts', async () => {
  const { page, dialog } = await visitHost(site, {
    body: hostScript('data-open'),
    css: `
      chatbot-widget { --chatbot-accent: rgb(120, 0, 60); --chatbot-width: 320px; --chatbot-gap: 32px }
      chatbot-widget::part(header) { background: rgb(1, 2, 3) }
      chatbot-widget::part(launcher) { border-radius: 6px }`,
  })
  expect(await dialog.boundingBox()).toMatchObject({ x: 1280 - 320 - 32, width: 320 })
  expect(await styleOf(page, '.launcher', 'backgroundColor')).toBe('rgb(120, 0, 60)')
  expect(await styleOf(page, '.launcher', 'borderRadius')).toBe('6px')
  expect(await styleOf(page, 'header', 'backgroundColor')).toBe('rgb(1, 2, 3)')
})

test('the widget has every documented part', async () => {
  const chat = await visitHost(site)
  await sayHello(chat)
  const parts = await chat.page.evaluate(() => {
    const root = document.querySelector('chatbot-widget')?.shadowRoot
    const elements = Array.from(root?.querySelectorAll('[part]') ?? [])
    return Array.from(new Set(elements.flatMap((element) => Array.from(element.part)))).toSorted()
  })
  expect(parts).toEqual([
    'assistant-message',
    'composer',
    'header',
    'input',
    'launcher',
    'log',
    'message',
    'panel',
    'send',
    'title',
    'user-message',
  ])
})

const lightGround = 'rgb(255, 255, 255)'
const darkGround = 'rgb(22, 24, 28)'

test('the attribute decides the theme, then the page, then the system, at any time', async () => {
  const { page } = await visitHost(site, { body: hostScript('data-open') })
  const ground = () => styleOf(page, '.panel', 'backgroundColor')
  const setPage = (theme: string) =>
    page.evaluate((name) => (document.documentElement.dataset['theme'] = name), theme)
  const setAttribute = (theme: string) =>
    page.evaluate((name) => (document.querySelector('chatbot-widget')!.theme = name), theme)

  await page.emulateMedia({ colorScheme: 'dark' })
  expect(await ground()).toBe(darkGround)
  await page.emulateMedia({ colorScheme: 'light' })
  expect(await ground()).toBe(lightGround)
  await setPage('dark')
  await expect.poll(ground, patience).toBe(darkGround)
  await setAttribute('light')
  expect(await ground()).toBe(lightGround)
  await page.emulateMedia({ colorScheme: 'dark' })
  expect(await ground()).toBe(lightGround)
  await setPage('light')
  await setAttribute('dark')
  expect(await ground()).toBe(darkGround)
  await setAttribute('auto')
  expect(await ground()).toBe(lightGround)
  await setPage('sepia')
  await expect.poll(ground, patience).toBe(darkGround)
})
