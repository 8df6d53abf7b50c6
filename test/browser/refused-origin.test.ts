import { createServer } from 'node:http'
import { afterAll, expect, test } from 'vitest'
import { listen } from '../../scripts/dev/listen.ts'
import { type Chat, chatOn, patience, setUpSite } from '../rigs/visit-page.ts'

/** A site that the Worker's `ALLOWED_ORIGINS` does not name. Its path `/sandboxed` has the origin `null`. */
const elsewhere = createServer((request, response) => {
  response.writeHead(200, {
    'content-type': 'text/html',
    ...(request.url === '/sandboxed' && {
      'content-security-policy': 'sandbox allow-scripts',
    }),
  })
  response.end(
    `<!doctype html><html lang="en"><title>Host</title><script type="module" src="${site.worker.url}/widget.js" data-open></script>`,
  )
})
const elsewhereUrl = `http://127.0.0.1:${await listen(elsewhere)}`
afterAll(() => void elsewhere.close())

const site = setUpSite()

/** Opens the site's page. `logged` holds what the widget wrote to the console. */
async function visitElsewhere(path: string): Promise<Chat & { logged: string[] }> {
  const page = await (await site.browser.newContext()).newPage()
  page.setDefaultTimeout(15_000)
  const logged: string[] = []
  page.on('console', (message) => {
    if (message.text().startsWith('The chat at')) logged.push(message.text())
  })
  const requests: Chat['requests'] = []
  page.on('request', (request) => requests.push(request))
  await page.goto(elsewhereUrl + path)
  return { ...chatOn(page, requests), logged }
}

const refusal = 'This website may not use this chat.'

test.each([
  ['/', `Add ${elsewhereUrl} to its setting ALLOWED_ORIGINS.`],
  ['/sandboxed', 'This page has the origin "null", which cannot be allowed'],
])(
  'on %s, whose origin is not allowed, the message stays in the composer, and the console tells the reason once',
  async (path, advice) => {
    const chat = await visitElsewhere(path)
    for (let time = 0; time < 2; time++) {
      await chat.input.fill('')
      await chat.say('Hello?')
      await chat.page.getByRole('alert').getByText(refusal).waitFor()
      expect(await chat.input.inputValue()).toBe('Hello?')
      expect(await chat.messages.count()).toBe(0)
    }
    const toApi = () => chat.requests.filter((request) => request.url().includes('/v1/'))
    const sent = toApi().length
    // The browser reports the network: a message that waits would be sent now.
    await chat.page.evaluate(() => dispatchEvent(new Event('online')))
    await expect.poll(() => chat.logged, patience).toEqual([expect.stringContaining(advice)])
    expect(toApi()).toHaveLength(sent)
    expect(chat.turns()).toEqual([])
  },
)

test('a stored conversation is not read again and again, and no button offers it', async () => {
  const chat = await visitElsewhere('/')
  await chat.page.evaluate((server) => {
    localStorage.setItem(`chatbot-widget:${server}:token`, `vst_${'a'.repeat(43)}`)
    localStorage.setItem(`chatbot-widget:${server}:session`, crypto.randomUUID())
  }, site.worker.url)
  await chat.page.reload()
  await chat.page.locator('.notice').getByText(refusal).waitFor()
  expect(await chat.retry.count()).toBe(0)
  await chat.say('Hello?')
  await chat.page.getByRole('alert').getByText(refusal).waitFor()
  expect(chat.turns()).toHaveLength(1)
  await chat.page.reload()
  await chat.page.locator('.notice').getByText(refusal).waitFor()
  expect(await chat.input.inputValue()).toBe('Hello?')
})
