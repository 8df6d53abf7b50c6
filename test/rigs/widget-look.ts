import type { Page } from 'playwright-core'
import { type Chat, expectText, reply } from './visit-page.ts'

const measured = ['.launcher', '.panel', 'header', 'h2', '.log', 'textarea', '.send', '.user .body']

/** Position, size and text style of the widget's parts. */
export function measure({ page }: Chat) {
  return page.evaluate((parts) => {
    const root = document.querySelector('chatbot-widget')?.shadowRoot
    return parts.map((part) => {
      const element = root?.querySelector(part)
      if (!element) throw new Error(`no ${part}`)
      const { x, y, width, height } = element.getBoundingClientRect()
      const { fontSize, lineHeight, color, opacity, letterSpacing, textTransform, visibility } =
        getComputedStyle(element)
      const style = { fontSize, lineHeight, color, opacity, letterSpacing, textTransform }
      return { part, box: { x, y, width, height }, style: { ...style, visibility } }
    })
  }, measured)
}

/** One computed style of a part of the widget. */
export function styleOf<Name extends keyof CSSStyleDeclaration>(
  page: Page,
  part: string,
  name: Name,
) {
  return page
    .locator(part)
    .first()
    .evaluate((element, property) => getComputedStyle(element)[property], name)
}

/** Opens the chat and takes one turn, by mouse and keyboard. */
export async function sayHello(chat: Chat): Promise<void> {
  await chat.page.getByRole('button', { name: 'Open chat' }).click()
  await chat.input.click()
  await chat.page.keyboard.type(reply('Here I am'))
  await chat.send.click()
  await expectText(chat, 'Here I am')
  await chat.settled()
}
