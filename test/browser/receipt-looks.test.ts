import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { expect, test } from 'vitest'
import {
  receiptBar,
  receiptBlocks,
  receiptLine,
  receiptTools,
  receiptView,
  visitWithReceipts,
} from '../rigs/receipt-page.ts'
import { longReceipt } from '../rigs/receipts.ts'
import { expectText, patience, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

test.each(['light', 'dark'])('axe finds no fault in receipts in the %s theme', async (theme) => {
  const chat = await visitWithReceipts(site, { attributes: `data-theme="${theme}"` })
  const { page } = chat
  await chat.say(reply('And again'))
  await expectText(chat, 'And again')
  await chat.settled()
  // Two receipts at once, one of them with everything in it open.
  await receiptTools(chat).first().click()
  await receiptTools(chat).last().click()
  await receiptBar(chat).last().waitFor()
  await receiptBar(chat).first().waitFor()
  await page.locator('.receipt details').evaluateAll((all) => {
    for (const each of all) each.setAttribute('open', '')
  })
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual(
    [],
  )
  const grounds = await page
    .locator('.receipt')
    .last()
    .evaluate((node) => getComputedStyle(node).color)
  expect(grounds).toBe(theme === 'dark' ? 'rgb(231, 233, 237)' : 'rgb(27, 30, 35)')
})

test('each kind of block looks different from the others', async () => {
  const budget = { total: 8_000, reply: 900, recall: 900, left: 9 }
  const chat = await visitWithReceipts(site, {
    answer: (route) => route.fulfill({ json: longReceipt({ budget }) }),
  })
  await receiptTools(chat).click()
  await receiptBar(chat).waitFor()
  const looks = await receiptBar(chat).evaluate((node) => {
    const styles = ['transform', 'fill', 'stroke', 'strokeDasharray'] as const
    const kinds = Array.from(node.children, (each) => {
      const style = getComputedStyle(each)
      return [each.classList[0], styles.map((name) => style[name]).join(' ')] as const
    })
    return [...new Map(kinds)]
  })
  expect(looks.map(([kind]) => kind)).toHaveLength(7)
  expect(new Set(looks.map(([, look]) => look)).size).toBe(7)
})

test('the second line of a label begins after the swatch', async () => {
  const chat = await visitWithReceipts(site, { size: { width: 320, height: 560 } })
  await receiptTools(chat).click()
  await receiptLine(chat, 'Left out:').click()
  const line = receiptView(chat).getByText('Replies 2 to 40')
  const lines = await line.evaluate((node) => {
    const range = document.createRange()
    range.selectNodeContents(node.lastChild!)
    const rects = Array.from(range.getClientRects())
    return [...Map.groupBy(rects, ({ top }) => top).values()].map(([first]) =>
      Math.round(first!.left),
    )
  })
  expect(lines.length).toBeGreaterThan(1)
  expect(new Set(lines).size).toBe(1)
})

test('with forced colours every block has the colour of text', async () => {
  const chat = await visitWithReceipts(site)
  await chat.page.emulateMedia({ forcedColors: 'active' })
  await receiptTools(chat).click()
  await receiptBar(chat).waitFor()
  const colours = await receiptBar(chat).evaluate((node) => {
    const probe = node.parentElement!.appendChild(document.createElement('i'))
    probe.style.color = 'CanvasText'
    const { color } = getComputedStyle(probe)
    probe.remove()
    return Array.from(node.children, (each) => {
      const { fill, stroke } = getComputedStyle(each)
      return [fill, stroke].includes(color)
    })
  })
  expect(colours.length).toBeGreaterThan(20)
  expect(new Set(colours)).toEqual(new Set([true]))
})

test('in an Arabic page the tool is in Arabic, and the receipt is English from left to right', async () => {
  const chat = await visitWithReceipts(site, { html: 'lang="ar" dir="rtl"' })
  await chat.page.getByRole('button', { name: 'ما أُرسل إلى النموذج' }).click()
  const group = chat.page.getByRole('group', { name: 'ما أُرسل إلى النموذج' })
  await group.getByRole('img').waitFor()
  const english = group.locator('[lang=en]').last()
  expect(await english.evaluate((node) => getComputedStyle(node).direction)).toBe('ltr')
  const [inner, outer] = await Promise.all([group.boundingBox(), chat.dialog.boundingBox()])
  expect(inner!.x).toBeGreaterThan(outer!.x)
  expect(inner!.x + inner!.width).toBeLessThan(outer!.x + outer!.width)
})

test('on a small phone a receipt fits, and its lines are high enough for a finger', async () => {
  const size = { width: 320, height: 560 }
  const words = ['w'.repeat(300)]
  const chat = await site.visit({
    viewport: size,
    isMobile: true,
    hasTouch: true,
  })
  await chat.page.route('**/context', (route) => route.fulfill({ json: longReceipt({ words }) }))
  await chat.page.evaluate(() => {
    Object.assign(document.querySelector('chatbot-widget')!, { receipts: true, open: true })
  })
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  await receiptTools(chat).tap()
  await receiptBar(chat).waitFor()
  await receiptLine(chat, 'Recalled:').tap()
  await receiptView(chat).getByText('www').waitFor()
  const sizes = await receiptView(chat).evaluate((node) => ({
    log: node.closest('.log')!.scrollWidth,
    lines: Array.from(node.querySelectorAll('summary'), (each) => each.clientHeight),
  }))
  expect(sizes.log).toBeLessThanOrEqual(size.width)
  expect(Math.min(...sizes.lines.filter(Boolean))).toBeGreaterThanOrEqual(44)
  const tool = await receiptTools(chat).boundingBox()
  expect(Math.min(tool!.width, tool!.height)).toBeGreaterThanOrEqual(44)
  await expect.poll(async () => (await receiptBlocks(chat)).length, patience).toBeGreaterThan(20)
})
