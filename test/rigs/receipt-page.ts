import type { Route } from 'playwright-core'
import { expect } from 'vitest'
import type { Receipt } from '../../src/protocol-receipt.ts'
import { hostScript, visitHost } from './host-page.ts'
import { longReceipt } from './receipts.ts'
import { type Chat, expectText, reply, type Site } from './visit-page.ts'

const toolName = 'What the model was sent'
export const receiptTools = ({ page }: Chat) => page.getByRole('button', { name: toolName })
export const receiptView = ({ page }: Chat) => page.getByRole('group', { name: toolName })
export const receiptBar = (chat: Chat) => receiptView(chat).getByRole('img')
/** The line of the list that has this text. */
export const receiptLine = (chat: Chat, text: string) =>
  receiptView(chat).locator('summary', { hasText: text }).first()
export const hasFocus = (element: ReturnType<typeof receiptTools>) =>
  element.evaluate((node) => node.matches(':focus'))

/** The paths of the requests for receipts and for the chunks of their view. */
export const receiptRequests = ({ requests }: Chat) =>
  requests
    .map((request) => new URL(request.url()).pathname)
    .filter((path) => /context$|receipt/.test(path))

/** A chat with receipts, after one reply. `answer` answers each request for a receipt. */
export async function visitWithReceipts(
  site: Site,
  {
    answer = (route) => route.fulfill({ json: longReceipt() }),
    attributes = '',
    ...host
  }: {
    answer?: (route: Route) => unknown
    attributes?: string
    html?: string
    size?: { width: number; height: number }
    init?: () => void
  } = {},
): Promise<Chat> {
  const body = hostScript(`data-receipts data-open ${attributes}`)
  const chat = await visitHost(site, { body, ...(host.html && { html: host.html }) }, host)
  await chat.page.route('**/context', async (route) => answer(route))
  await chat.page.locator('textarea').fill(reply('Here I am'))
  await chat.page.locator('.send:enabled').first().waitFor()
  await chat.page.keyboard.press('Enter')
  await expectText(chat, 'Here I am')
  await chat.settled()
  return chat
}

export interface Block {
  kind: string
  x: number
  width: number
  isMarked: boolean
}

/** The blocks of the bar from left to right, in pixels on the screen. */
export function receiptBlocks(chat: Chat): Promise<Block[]> {
  return receiptBar(chat)
    .locator('rect')
    .evaluateAll((all) =>
      all
        .map((each) => {
          const { x, width } = each.getBoundingClientRect()
          const [kind = '', mark] = each.classList
          return { kind, x, width, isMarked: mark === 'marked' }
        })
        .toSorted((one, other) => one.x - other.x),
    )
}

/** Expects that each part of the prompt takes the share of the bar that its tokens have. */
export async function expectProportions(chat: Chat, { parts, tokens }: Receipt): Promise<void> {
  await receiptBar(chat).waitFor()
  const blocks = (await receiptBlocks(chat)).filter(({ kind }) => kind !== 'left-out')
  const sizes = parts.flatMap(({ part, tokens: size }) => {
    const kind = {
      system: 'system',
      turn: 'window',
      recalled: 'recalled',
      message: 'asked',
      continued: 'asked',
    }[part]
    return size === null ? [] : [{ kind, size }]
  })
  sizes.push({ kind: 'format', size: tokens.overhead })
  expect(blocks.map(({ kind }) => kind)).toEqual(sizes.map(({ kind }) => kind))
  const widths = blocks.reduce((sum, { width }) => sum + width, 0)
  const total = sizes.reduce((sum, { size }) => sum + size, 0)
  for (const [index, { width }] of blocks.entries()) {
    expect(width / widths, `block ${index}`).toBeCloseTo(sizes[index]!.size / total, 3)
  }
}
