import { expect, test } from 'vitest'
import { expectText, reply, setUpSite, tenWords } from '../rigs/visit-page.ts'

const site = setUpSite()

test('the chat works under a policy without inline code, foreign code and HTML from strings', async () => {
  const response = await fetch(site.worker.url)
  const policy = response.headers.get('content-security-policy')
  expect(policy).toContain("default-src 'self'; style-src 'self'; img-src 'none'")
  expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'")
  const chat = await site.visit()
  await chat.say(reply('**Here** I am'))
  await expectText(chat, 'Here I am')
  // The styles work too: the panel has its place and width.
  const box = await chat.dialog.boundingBox()
  expect(box).toMatchObject({ x: 860, width: 400 })
})

test('the chat opens by keyboard, takes the focus, and returns it on Escape', async () => {
  const { page, dialog, input } = await site.visit({ viewport: { width: 900, height: 700 } })
  const launcher = page.getByRole('button', { name: 'Open chat' })
  await launcher.focus()
  await page.keyboard.press('Enter')
  expect(await dialog.getAttribute('aria-labelledby')).toBe('title')
  await page.getByRole('dialog', { name: 'Try it' }).waitFor()
  expect(await input.evaluate((element) => element.matches(':focus'))).toBe(true)
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  expect(await launcher.evaluate((element) => element.matches(':focus'))).toBe(true)
  expect(await launcher.getAttribute('aria-expanded')).toBe('false')
})

test('a chat that the page opened returns the focus to the page', async () => {
  const { page, dialog } = await site.visit({ viewport: { width: 900, height: 700 } })
  const link = page.getByRole('link').first()
  await link.focus()
  await page.evaluate(() => document.querySelector('chatbot-widget')?.setAttribute('open', ''))
  await page.getByRole('button', { name: 'Close chat' }).first().click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await link.evaluate((element) => element === document.activeElement)).toBe(true)
})

test('a page view alone sends no request to the API', async () => {
  const { requests } = await site.visit({ viewport: { width: 900, height: 700 } })
  expect(requests.filter((request) => request.url().includes('/v1/'))).toEqual([])
})

test('a reply that arrived while the chat was closed is visible when it opens', async () => {
  const chat = await site.visit()
  await chat.say(reply('line\n\n'.repeat(40) + 'the end'))
  await expectText(chat, 'the end')
  await chat.settled()
  await chat.page.evaluate(
    async (text) => {
      const widget = document.querySelector('chatbot-widget')!
      widget.close()
      await widget.send(text)
      widget.open()
    },
    reply('line\n\n'.repeat(40) + 'the very end'),
  )
  await expectText(chat, 'the very end')
  const { bottom, edge } = await chat.page.evaluate(() => {
    const root = document.querySelector('chatbot-widget')!.shadowRoot!
    return {
      bottom: root.querySelector('.assistant:last-child .body')!.getBoundingClientRect().bottom,
      edge: root.querySelector('.log')!.getBoundingClientRect().bottom,
    }
  })
  expect(bottom).toBeLessThanOrEqual(edge)
})

test('if the conversation cannot be loaded, it is loaded when the network is back', async () => {
  const chat = await site.visit({ viewport: { width: 900, height: 700 } })
  const chunk = '**/chunks/conversation.js*'
  await chat.page.route(chunk, (route) => route.abort())
  await chat.page.getByRole('button', { name: 'Open chat' }).click()
  await chat.page.getByText('There is no connection to the chat.').waitFor()
  await chat.page.unroute(chunk)
  await chat.say(reply('At last'))
  await expectText(chat, 'At last')
})

test('a widget that is removed and added again shows the stored conversation once', async () => {
  const chat = await site.visit()
  await chat.say(`${reply(tenWords)} [[fault pace ms=100]]`)
  await expectText(chat, 'one two')
  await chat.page.evaluate(() => {
    const widget = document.querySelector('chatbot-widget')
    widget?.remove()
    if (widget) document.body.append(widget)
  })
  await expectText(chat, tenWords)
  expect(await chat.messages.count()).toBe(2)
  expect(await chat.dialog.count()).toBe(1)
})

test.each([
  [
    'a handwritten widget',
    '<chatbot-widget title="By hand" open></chatbot-widget><script type="module" src="/widget.js" data-title="By script"></script>',
    ['By hand'],
  ],
  [
    'a script',
    '<script async type="module" src="/widget.js" data-title="By script" data-open></script>',
    ['By script'],
  ],
  ['data-auto="off"', '<script type="module" src="/widget.js" data-auto="off"></script>', []],
])('a page with %s has the widgets it asked for', async (_name, body, titles) => {
  const page = await site.browser.newPage()
  site.watch(page, site.worker.url)
  await page.route(`${site.worker.url}/host`, (route) =>
    route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>Host</title>${body}` }),
  )
  await page.goto(`${site.worker.url}/host`)
  await page.waitForFunction(() => customElements.get('chatbot-widget'))
  expect(await page.getByRole('dialog').getByRole('heading').allInnerTexts()).toEqual(titles)
})
