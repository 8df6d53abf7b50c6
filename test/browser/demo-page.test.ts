import { expect, test } from 'vitest'
import { type Chat, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

/** How many pixels of the page's text lie under the open chat, in its reading direction. */
function coveredPx({ page }: Chat): Promise<number> {
  return page.evaluate(() => {
    const root = document.querySelector('chatbot-widget')!.shadowRoot!
    const panel = root.querySelector('.panel')!.getBoundingClientRect()
    const blocks = document.querySelectorAll('h1, h2, p, pre')
    return Math.max(
      ...Array.from(blocks, (block) => {
        const { left, right } = block.getBoundingClientRect()
        return Math.min(right, panel.right) - Math.max(left, panel.left)
      }),
      0,
    )
  })
}

test.each([1140, 1280, 1600, 2200])(
  'in a window of %i px the open chat covers no text of the demo page, in either direction',
  async (width) => {
    const chat = await site.visit({ viewport: { width, height: 800 } })
    await chat.dialog.waitFor()
    expect(await coveredPx(chat)).toBe(0)
    await chat.page.getByRole('button', { name: 'العربية' }).click()
    await chat.page.getByRole('button', { name: 'إرسال' }).waitFor()
    const { x } = (await chat.dialog.boundingBox())!
    expect(x).toBeLessThan(100)
    expect(await coveredPx(chat)).toBe(0)
    await chat.page.getByRole('button', { name: 'English' }).click()
    await chat.send.waitFor()
    expect(await coveredPx(chat)).toBe(0)
  },
)

test.each([
  [1280, true],
  [1000, false],
])(
  'in a window of %i px the chat is open: %s, and the text of the page is true of it',
  async (width, isOpen) => {
    const chat = await site.visit({ viewport: { width, height: 800 } })
    await chat.page.locator('.launcher').waitFor()
    expect(await chat.dialog.isVisible()).toBe(isOpen)
    const advice = await chat.page.getByRole('main').innerText()
    expect(advice).not.toMatch(/open the chat|lower right/i)
    expect(advice).toContain('The round button in the corner opens and closes it.')
    await chat.page.locator('.launcher').click()
    expect(await chat.dialog.isVisible()).toBe(!isOpen)
  },
)
