import { expect, test } from 'vitest'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { expectText, reply, setUpSite } from '../rigs/visit-page.ts'
import { sayHello } from '../rigs/widget-look.ts'

const site = setUpSite()

const phone = { width: 390, height: 780 }

test('on a phone the chat fills the screen and nothing overflows', async () => {
  const chat = await site.visit({
    viewport: { width: 390, height: 780 },
    isMobile: true,
    hasTouch: true,
  })
  await chat.page.getByRole('button', { name: 'Open chat' }).tap()
  await chat.say(reply(`${'wide'.repeat(60)}\n\n\`\`\`\n${'wide '.repeat(60)}\n\`\`\``))
  await expectText(chat, 'wide')
  expect(await chat.dialog.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 780 })
  const widths = await chat.page.evaluate(() => {
    const log = document.querySelector('chatbot-widget')?.shadowRoot?.querySelector('.log')
    return [document.documentElement.scrollWidth, log?.scrollWidth]
  })
  expect(Math.max(...widths.map(Number))).toBeLessThanOrEqual(390)
})

/** A visual viewport that the test moves, as the keyboard of a phone does. */
function installViewport() {
  const viewport = Object.assign(new EventTarget(), {
    scale: 1,
    offsetTop: 0,
    offsetLeft: 0,
    width: innerWidth,
    height: innerHeight,
  })
  Object.defineProperty(globalThis, 'visualViewport', { value: viewport })
}

test('on a phone the chat stays above the keyboard, with the last words visible', async () => {
  const chat = await visitHost(site, {}, { size: phone, init: installViewport })
  const { page, dialog } = chat
  const move = (change: { height: number; offsetTop: number; scale?: number }) =>
    page.evaluate((next) => {
      Object.assign(visualViewport!, next)
      visualViewport!.dispatchEvent(new Event('resize'))
    }, change)
  await sayHello(chat)
  await chat.say(reply(Array.from({ length: 60 }, (_, line) => `line ${line}`).join('\n\n')))
  await expectText(chat, 'line 59')
  await chat.settled()
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 0, ...phone })

  await move({ height: 400, offsetTop: 0 })
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 400 })
  await move({ height: 400, offsetTop: 90 })
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 90, width: 390, height: 400 })
  const input = await chat.input.boundingBox()
  expect(input!.y + input!.height).toBeLessThanOrEqual(490)
  const last = await chat.lastReply.getByText('line 59').boundingBox()
  expect(last!.y + last!.height).toBeLessThan(input!.y)

  await move({ height: 300, offsetTop: 50, scale: 2 })
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 0, ...phone })
  await move({ height: 780, offsetTop: 0, scale: 1 })
  expect(await dialog.boundingBox()).toEqual({ x: 0, y: 0, ...phone })
})

test('above the keyboard of a tablet the panel shrinks to the visible part', async () => {
  const size = { width: 820, height: 700 }
  const { page, dialog } = await visitHost(
    site,
    { body: hostScript('data-open') },
    { size, init: installViewport },
  )
  await page.evaluate(() => {
    Object.assign(visualViewport!, { height: 450, offsetTop: 30 })
    visualViewport!.dispatchEvent(new Event('scroll'))
  })
  const box = await dialog.boundingBox()
  expect(box!.y).toBeGreaterThanOrEqual(30)
  expect(box!.y + box!.height).toBeLessThanOrEqual(480)
})

test('on a phone the launcher behind the open chat is hidden from the keyboard', async () => {
  const { page, dialog } = await visitHost(site, { body: hostScript('data-open') }, { size: phone })
  expect(await page.locator('.launcher').isVisible()).toBe(false)
  await page.getByRole('button', { name: 'Close chat' }).click()
  await dialog.waitFor({ state: 'hidden' })
  const launcher = page.getByRole('button', { name: 'Open chat' })
  expect(await launcher.isVisible()).toBe(true)
})
