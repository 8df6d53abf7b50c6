import { createServer } from 'node:http'
import { afterAll, expect, test } from 'vitest'
import { listen } from '../../scripts/dev/listen.ts'
import { byHand, visitHost } from '../rigs/host-page.ts'
import { chatOn, expectText, reply, setUpSite } from '../rigs/visit-page.ts'

/** A site of another origin than the Worker's. */
const elsewhere = createServer((_request, response) => {
  const { url } = site.worker
  response.writeHead(200, {
    'content-type': 'text/html',
    'content-security-policy': `default-src 'none'; script-src ${url}; connect-src ${url}; require-trusted-types-for 'script'; trusted-types 'none'`,
  })
  response.end(
    `<!doctype html><html lang="de"><title>Host</title><script type="module" src="${url}/widget.js" data-open></script>`,
  )
})
const elsewhereUrl = `http://127.0.0.1:${await listen(elsewhere)}`
afterAll(() => void elsewhere.close())

const site = setUpSite({ vars: { ALLOWED_ORIGINS: elsewhereUrl } })

test('two widgets on one page have separate conversations', async () => {
  const { page } = await visitHost(site, {
    body: byHand('id="a" title="A" open', 'id="b" name="b" title="B" theme="dark" dir="rtl" open'),
  })
  for (const id of ['a', 'b']) {
    await page.evaluate(
      async ([which, text]) =>
        (document.querySelector(`#${which}`) as HTMLElementTagNameMap['chatbot-widget']).send(
          text!,
        ),
      [id, reply(`I am ${id}`)],
    )
  }
  const texts = (id: string) => page.locator(`#${id} .assistant .body`).allInnerTexts()
  expect(await texts('a')).toEqual(['I am a'])
  expect(await texts('b')).toEqual(['I am b'])
  await page.locator('#b').getByRole('button', { name: 'Close chat' }).first().click()
  await page.getByRole('dialog', { name: 'B' }).waitFor({ state: 'hidden' })
  expect(await page.getByRole('dialog', { name: 'A' }).isVisible()).toBe(true)
  await page.reload()
  await page.locator('#a .assistant .body').waitFor()
  expect(await texts('a')).toEqual(['I am a'])
  await page.locator('#b .assistant .body').waitFor()
  expect(await texts('b')).toEqual(['I am b'])
})

test('an inline chat takes the place and the size that the page gives it', async () => {
  const chat = await visitHost(site, {
    css: 'body { margin: 0 } chatbot-widget { width: 500px; height: 420px; margin: 30px }',
    body: `<p>Before</p><script type="module" src="/widget.js" data-title="Here" data-inline></script><p>After</p>`,
  })
  const { page } = chat
  const panel = page.getByRole('region', { name: 'Here' })
  expect(await panel.boundingBox()).toMatchObject({ x: 30, width: 500, height: 420 })
  expect(await page.getByRole('dialog').count()).toBe(0)
  expect(await page.getByRole('button', { name: /(Open|Close) chat/ }).count()).toBe(0)
  await chat.say(reply('Here I am'))
  await expectText(chat, 'Here I am')
  const order = await page.evaluate(() =>
    Array.from(document.body.children, (each) => each.localName),
  )
  expect(order).toEqual(['p', 'script', 'chatbot-widget', 'p'])
  await page.evaluate(() => (document.querySelector('chatbot-widget')!.inline = false))
  await page.getByRole('button', { name: 'Open chat' }).click()
  expect(await chat.dialog.boundingBox()).toMatchObject({ x: 860, width: 400 })
})

test('the whole widget works on a page of another origin whose policy names the Worker', async () => {
  const page = await site.browser.newPage()
  page.setDefaultTimeout(15_000)
  page.on('console', (message) => {
    if (message.type() === 'error') site.troubles.push(message.text())
  })
  await page.goto(elsewhereUrl)
  const chat = chatOn(page, [])
  await page.getByRole('button', { name: 'Senden' }).waitFor()
  await chat.input.fill(reply('Here I am\n\n```js\nconst a = 1\n```'))
  await page.getByRole('button', { name: 'Senden', disabled: false }).click()
  await expectText(chat, 'Here I am')
  // The highlighter is a chunk beside the widget, so it loads from the Worker too.
  await chat.lastReply.locator('.hljs-keyword').waitFor()
  expect(await chat.dialog.boundingBox()).toMatchObject({ width: 400 })
})
