import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { launchBrowser } from './dev/launch-browser.ts'

/**
 * `npm run screenshots [-- <folder>]`: pictures of the widget as a visitor meets it, on the demo
 * page, against a Worker, a database and an offline model of their own. By default in
 * `.data/screenshots`.
 */
const folder = process.argv[2] ?? '.data/screenshots'

const CODE = `Put the script where the page ends:

\`\`\`html
<script
  type="module"
  src="/widget.js"
  data-title="Ask us"
></script>
\`\`\`

Then hear of each reply once it is **stored**:

\`\`\`js
// Says "Hello!"
chat.addEventListener(
  'reply-end',
  ({ detail: { reply } }) =>
    console.log(reply.content),
)
\`\`\``

const TABLE = `Three plans, billed by the month:

| Plan | Seats | Price |
|:-----|------:|------:|
| Solo | 1 | €9 |
| Team | 10 | €49 |
| House | 100 | €290 |

All of them include:

1. **history** that survives a reload,
2. exports, at any time,
3. [support](https://example.com/support) within a day.`

const PROSE = `Yes. You can move your plan at any time, and only the difference is charged.

- **Up**: at once, for the rest of the month.
- **Down**: from the next month on.

> Invoices are kept under *Account → Billing*.`

const ARABIC = `نعم، يمكنك تغيير خطتك **في أي وقت**:

1. افتح صفحة *الحساب*.
2. اختر الخطة الجديدة.
3. أكد التغيير.

| الخطة | السعر |
|:------|------:|
| فردية | 9 € |
| فريق | 49 € |`

type Scene = {
  context?: BrowserContextOptions
  /** What the visitor asks, and the reply; both are shown as they stand here. */
  asks?: [question: string, reply: string][]
  prepare?: (page: Page) => Promise<unknown>
  finish?: (page: Page) => Promise<unknown>
}

const WINDOW = { width: 1200, height: 740 }
const FAILS = `[[fault status status=500 times=9 id=${crypto.randomUUID()}]]`
const ask = (text: string) => async (page: Page) => {
  await page.getByRole('textbox').fill(text)
  await page.keyboard.press('Enter')
}

const scenes: Record<string, Scene> = {
  open: {},
  streaming: {
    asks: [['Can I change my plan later?', `${PROSE} [[fault pace ms=120]]`]],
    finish: (page) => page.locator('.assistant').getByText('at once').waitFor(),
  },
  code: { asks: [['How do I put it on my site?', CODE]] },
  table: { asks: [['What does it cost?', TABLE]] },
  error: {
    asks: [
      ['Can I change my plan later?', PROSE],
      ['And what about refunds?', FAILS],
    ],
    finish: (page) => page.getByRole('button', { name: 'Try again' }).waitFor(),
  },
  sessions: {
    asks: [['What does it cost?', TABLE]],
    async finish(page) {
      await page.locator('.message.is-open').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'New chat' }).click()
      await ask('Can I change my plan later?')(page)
      await page.locator('.message.is-open').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'Past chats' }).click()
      await page.getByRole('button', { name: 'Rename' }).nth(1).waitFor()
    },
  },
  phone: {
    context: { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true },
    prepare: (page) => page.getByRole('button', { name: 'Open chat' }).tap(),
    asks: [['What does it cost?', TABLE]],
  },
  dark: { context: { colorScheme: 'dark' }, asks: [['How do I put it on my site?', CODE]] },
  rtl: {
    prepare: (page) =>
      page.evaluate(`{
        document.documentElement.lang = 'ar'
        document.documentElement.dir = 'rtl'
        const widget = document.querySelector('chatbot-widget')
        widget.title = 'المساعدة'
        widget.greeting = 'مرحبًا. اسأل عما تشاء.'
        widget.suggestions = []
      }`),
    asks: [['هل يمكنني تغيير خطتي لاحقًا؟', ARABIC]],
  },
}

/** A Worker with everything it needs, as `npm run dev` starts it, without anybody's settings. */
async function startSite(dir: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const vars = join(dir, 'vars')
  await writeFile(vars, '')
  const dev = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('dev.ts', import.meta.url)),
      '--port',
      '0',
      '--data',
      join(dir, 'data'),
      '--vars',
      vars,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise<void>((resolve) => dev.once('exit', () => resolve()))
  const stop = async () => {
    dev.kill('SIGINT')
    await ended
  }
  for await (const line of createInterface(dev.stdout)) {
    const url = /Page +(http\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    dev.stdout.resume()
    return { url, stop }
  }
  throw new Error('npm run dev has ended')
}

async function take(browser: Browser, url: string, name: string, scene: Scene): Promise<void> {
  const context = await browser.newContext({
    viewport: WINDOW,
    colorScheme: 'light',
    ...scene.context,
  })
  const page = await context.newPage()
  // The visitor's words are on the screen; what the offline model is to say goes with them unseen.
  const replies = new Map(scene.asks)
  await page.route('**/v1/chat', async (route, request) => {
    const body: { message: string } = request.postDataJSON()
    const [text, fault = ''] = replies.get(body.message)?.split(/(?=\[\[fault)/) ?? []
    const wanted = text?.startsWith('[[') ? text : `[[reply ${JSON.stringify(text?.trim())}]]`
    const message = `${body.message}\n${wanted} ${fault}`
    await route.continue({ postData: JSON.stringify({ ...body, message }) })
  })
  await page.goto(url)
  await scene.prepare?.(page)
  for (const [question] of scene.asks ?? []) {
    await page.locator('.message.is-open').waitFor({ state: 'detached' })
    await ask(question)(page)
  }
  await scene.finish?.(page)
  if (name !== 'streaming') await page.locator('.message.is-open').waitFor({ state: 'detached' })
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' })
  await context.close()
}

await mkdir(folder, { recursive: true })
const dir = await mkdtemp(join(tmpdir(), 'screenshots-'))
const site = await startSite(dir)
const browser = await launchBrowser()
try {
  for (const [name, scene] of Object.entries(scenes)) await take(browser, site.url, name, scene)
  console.log(`${Object.keys(scenes).length} pictures in ${folder}`)
} finally {
  await browser.close()
  await site.stop()
  await rm(dir, { recursive: true })
}
