import { describe, expect, test } from 'vitest'
import { createClient } from '../rigs/client.ts'
import { receiptTools, receiptView } from '../rigs/receipt-page.ts'
import { type Chat, chatOn, expectText, patience, reply, setUpSite } from '../rigs/visit-page.ts'

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

test('the switch of the page turns the receipts of the chat on and off', async () => {
  const chat = await site.visit()
  const receipts = chat.page.getByRole('button', { name: 'receipts', exact: true })
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  await chat.settled()
  expect(await receiptTools(chat).count()).toBe(0)
  await receipts.click()
  await receiptTools(chat).click()
  await receiptView(chat).getByText('was sent').waitFor()
  expect(await receipts.getAttribute('aria-pressed')).toBe('true')
  await receipts.click()
  await receiptTools(chat).waitFor({ state: 'hidden' })
  expect(await receipts.getAttribute('aria-pressed')).toBe('false')
})

describe('the address of an example conversation', () => {
  /** A visitor of another client, with a conversation. */
  async function example() {
    const { visitor_token, session_id } = await createClient(site.worker.url).chat({
      message: reply('From the example'),
    })
    return { visitor_token, session_id, fragment: `#token=${visitor_token}&session=${session_id}` }
  }

  test.each([1280, 1000])(
    'opens it with receipts, in a window of %i px, and keeps the token out of the address',
    async (width) => {
      const { visitor_token, fragment } = await example()
      const chat = await site.visit({ viewport: { width, height: 800 } })
      await chat.page.goto('about:blank')
      await chat.page.goto(`${site.worker.url}/${fragment}`)
      await expectText(chat, 'From the example')
      expect(chat.page.url()).toBe(`${site.worker.url}/`)
      await receiptTools(chat).click()
      await receiptView(chat).getByText('was sent').waitFor()

      await chat.say(reply('And more'))
      await expectText(chat, 'And more')
      await chat.settled()
      const stored = await createClient(site.worker.url, visitor_token).expect(
        200,
        'GET',
        '/v1/sessions',
      )
      expect(stored.data).toHaveLength(1)

      await chat.page.reload()
      await expectText(chat, 'And more')
      expect(await chat.messages.count()).toBe(4)
    },
  )

  test('opens it in a page that is open already, and another tab still has the visitor of the browser', async () => {
    const chat = await site.visit()
    await chat.say(reply('My own'))
    await expectText(chat, 'My own')
    await chat.settled()
    const { fragment } = await example()
    await chat.page.evaluate((hash) => (location.hash = hash), fragment)
    await expectText(chat, 'From the example')
    await expect.poll(() => chat.page.url(), patience).toBe(`${site.worker.url}/`)

    const other = await chat.page.context().newPage()
    await other.goto(site.worker.url)
    await other.locator('.assistant .body').getByText('My own').waitFor()
  })

  test('opens nothing on a page that is not on this machine', async () => {
    const { fragment } = await example()
    const url = 'http://chat.example.com'
    const page = await (await site.browser.newContext()).newPage()
    const chat = chatOn(page, site.watch(page, url))
    await page.route(`${url}/**`, async (route) => {
      const { pathname } = new URL(route.request().url())
      await route.fulfill({ response: await page.request.get(site.worker.url + pathname) })
    })
    await page.goto(`${url}/${fragment}`)
    await chat.dialog.waitFor()
    await page.getByRole('button', { name: 'receipts', exact: true }).click()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
    expect(await chat.messages.count()).toBe(0)
    expect(chat.requests.filter((request) => request.url().includes('/v1/'))).toEqual([])
  })
})
