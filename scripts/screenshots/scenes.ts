import type { BrowserContextOptions, Page } from 'playwright-core'

const codeReply = `Put the script where the page ends:

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

const tableReply = `Three plans, billed by the month:

| Plan | Seats | Price |
|:-----|------:|------:|
| Solo | 1 | €9 |
| Team | 10 | €49 |
| House | 100 | €290 |

All of them include:

1. **history** that survives a reload,
2. exports, at any time,
3. [support](https://example.com/support) within a day.`

const proseReply = `Yes. You can move your plan at any time, and only the difference is charged.

- **Up**: at once, for the rest of the month.
- **Down**: from the next month on.

> Invoices are kept under *Account → Billing*.`

const arabicReply = `نعم، يمكنك تغيير خطتك **في أي وقت**:

1. افتح صفحة *الحساب*.
2. اختر الخطة الجديدة.
3. أكد التغيير.

| الخطة | السعر |
|:------|------:|
| فردية | 9 € |
| فريق | 49 € |`

export interface Scene {
  context?: BrowserContextOptions
  /** The visitor's question and the reply, as the picture shows them. */
  asks?: [question: string, reply: string][]
  prepare?: (page: Page) => Promise<unknown>
  finish?: (page: Page) => Promise<unknown>
}

const failingReply = `[[fault status status=500 times=9 id=${crypto.randomUUID()}]]`
/** Types a question and sends it. */
export const ask = (text: string) => async (page: Page) => {
  await page.getByRole('textbox').fill(text)
  await page.keyboard.press('Enter')
}

export const scenes: Record<string, Scene> = {
  open: {},
  streaming: {
    asks: [['Can I change my plan later?', `${proseReply} [[fault pace ms=120]]`]],
    finish: (page) => page.locator('.assistant').getByText('at once').waitFor(),
  },
  cut: {
    asks: [['Can I change my plan later?', `${proseReply} [[fault cut after=24]]`]],
    finish: (page) => page.getByRole('button', { name: 'Continue' }).waitFor(),
  },
  code: { asks: [['How do I put it on my site?', codeReply]] },
  table: { asks: [['What does it cost?', tableReply]] },
  error: {
    asks: [
      ['Can I change my plan later?', proseReply],
      ['And what about refunds?', failingReply],
    ],
    finish: (page) => page.getByRole('button', { name: 'Try again' }).waitFor(),
  },
  sessions: {
    asks: [['What does it cost?', tableReply]],
    async finish(page) {
      await page.locator('.message.is-open').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'New chat' }).click()
      await ask('Can I change my plan later?')(page)
      await page.locator('.message.is-open').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'Past chats' }).click()
      await page.getByRole('button', { name: 'Rename' }).nth(1).waitFor()
    },
  },
  receipt: {
    prepare: (page) => page.evaluate(`document.querySelector('chatbot-widget').receipts = true`),
    asks: [
      ['What does it cost?', tableReply],
      ['Can I change my plan later?', proseReply],
      ['And which one for ten people?', 'The **Team** plan, for €49 a month.'],
    ],
    async finish(page) {
      await page.locator('.message.is-open').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'What the model was sent' }).last().click()
      await page.locator('summary', { hasText: 'Window:' }).click()
    },
  },
  phone: {
    context: { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true },
    prepare: (page) => page.getByRole('button', { name: 'Open chat' }).tap(),
    asks: [['What does it cost?', tableReply]],
  },
  dark: { context: { colorScheme: 'dark' }, asks: [['How do I put it on my site?', codeReply]] },
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
    asks: [['هل يمكنني تغيير خطتي لاحقًا؟', arabicReply]],
  },
}
