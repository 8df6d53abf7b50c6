import { expect, test } from 'vitest'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { type Chat, expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

/** The faults of what can be pressed and is on the screen: too small, or over another target. Links in a text may be small. */
function findFaults({ page }: Chat, minPx: number): Promise<string[]> {
  return page.evaluate((min) => {
    const root = document.querySelector('chatbot-widget')!.shadowRoot!
    const nameOf = (element: Element) =>
      `${element.className || element.localName} ${element.getAttribute('aria-label') ?? element.textContent}`
    const isOnScreen = (element: Element) => {
      const { x, y, width, height } = element.getBoundingClientRect()
      const hit = root.elementFromPoint(x + width / 2, y + height / 2)
      return hit !== null && (element === hit || element.contains(hit))
    }
    const targets = Array.from(root.querySelectorAll('button, input, textarea'))
      .filter(isOnScreen)
      .map((element) => ({ name: nameOf(element), box: element.getBoundingClientRect() }))
    const small = targets
      .filter(({ box }) => box.width < min || box.height < min)
      .map(({ name, box }) => `${name}: ${box.width} × ${box.height}`)
    const overlaps = targets.flatMap(({ name, box }, index) =>
      targets
        .slice(index + 1)
        .filter(
          (other) =>
            box.left < other.box.right &&
            other.box.left < box.right &&
            box.top < other.box.bottom &&
            other.box.top < box.bottom,
        )
        .map((other) => `${name} over ${other.name}`),
    )
    return targets.length === 0 ? ['no target'] : [...small, ...overlaps]
  }, minPx)
}

const touchScreen = { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true }
const mouse = { viewport: { width: 1280, height: 800 } }

test.each([
  ['44 px for a finger', touchScreen, 44],
  ['24 px for a mouse', mouse, 24],
] as const)(
  'everything that can be pressed is at least %s, and nothing overlaps',
  async (_, context, min) => {
    const chat = await site.visit(context)
    const { page } = chat
    if (await chat.dialog.isHidden()) {
      expect(await findFaults(chat, min)).toEqual([])
      await page.getByRole('button', { name: 'Open chat' }).click()
    }
    await page.getByRole('button', { name: 'My name is Ada.' }).waitFor()
    expect(await findFaults(chat, min), 'suggestions').toEqual([])

    await chat.say(reply('A reply with code:\n\n```js\nconst a = 1\n```'))
    await expectText(chat, 'const')
    await chat.settled()
    await chat.lastReply.getByRole('button', { name: 'Copy code' }).waitFor()
    expect(await findFaults(chat, min), 'a reply').toEqual([])

    await chat.say(`[[fault status status=500 times=9 id=${crypto.randomUUID()}]]`)
    await chat.retry.waitFor()
    expect(await findFaults(chat, min), 'a failure').toEqual([])

    await page.getByRole('button', { name: 'Past chats' }).click()
    await page.getByRole('button', { name: 'Rename' }).waitFor()
    expect(await findFaults(chat, min), 'past chats').toEqual([])
    await page.getByRole('button', { name: 'Rename' }).click()
    expect(await findFaults(chat, min), 'rename').toEqual([])
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Delete' }).click()
    expect(await findFaults(chat, min), 'delete').toEqual([])
  },
)

test('the button beside selected text and the one of its quotation are large enough for a finger', async () => {
  const chat = await site.visit(touchScreen)
  const { page } = chat
  await page.evaluate(() => {
    document.getSelection()!.selectAllChildren(document.querySelector('h1')!)
  })
  await page.getByRole('button', { name: 'Ask about this' }).waitFor()
  expect(await findFaults(chat, 44)).toEqual([])
  await page.getByRole('button', { name: 'Ask about this' }).tap()
  await page.getByRole('button', { name: 'Remove the quotation' }).waitFor()
  expect(await findFaults(chat, 44)).toEqual([])
})

test('the buttons under a reply keep a gap', async () => {
  const chat = await visitHost(site, { body: hostScript('data-open data-receipts') })
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  const boxes = await chat.page
    .locator('.assistant .tool')
    .evaluateAll((tools) => tools.map((tool) => tool.getBoundingClientRect().toJSON()))
  expect(boxes.length).toBe(5)
  for (const [index, box] of boxes.slice(1).entries()) {
    expect(box.left - boxes[index].right).toBeGreaterThanOrEqual(4)
  }
})
