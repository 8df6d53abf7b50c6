import type { Browser, BrowserContextOptions, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { launchBrowser } from '../../scripts/dev/launch-browser.ts'
import { startWorker, type TestWorker, type TestWorkerOptions } from './start-worker.ts'

export interface VisitOptions extends BrowserContextOptions {
  /** Default: the Worker's demo page. */
  url?: string
  /** Runs before the page's own scripts. */
  init?: () => void
}

export interface Chat {
  page: Page
  requests: Request[]
  /** The bodies of all `POST /v1/chat` requests. */
  turns(): ReturnType<Request['postDataJSON']>[]
  dialog: ReturnType<Page['locator']>
  input: ReturnType<Page['locator']>
  send: ReturnType<Page['locator']>
  retry: ReturnType<Page['locator']>
  messages: ReturnType<Page['locator']>
  lastReply: ReturnType<Page['locator']>
  lastNote: ReturnType<Page['locator']>
  /** Sends a message as soon as the last turn has ended. */
  say(text: string): Promise<void>
  /** Resolves when no reply is being written. */
  settled(): Promise<void>
  texts(): Promise<string[]>
}

export interface Site {
  readonly worker: TestWorker
  readonly browser: Browser
  /** A new visitor on the demo page. */
  readonly visit: (options?: VisitOptions) => Promise<Chat>
  /** Adds the page's faults to `troubles`. Returns the list of its requests. */
  watch: (page: Page, url: string) => Request[]
  /** Errors, violations of the page's policy, requests to other hosts. A test with any of them fails. */
  troubles: string[]
}

/**
 * A Worker and a browser for the tests of one file; to be called at its top. Closes every page after each test, and
 * fails the test if its page had troubles.
 */
export function setUpSite(options?: TestWorkerOptions): Site {
  let worker: TestWorker
  let browser: Browser
  const troubles: string[] = []

  beforeAll(async () => {
    worker = await startWorker(options)
    browser = await launchBrowser()
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    expect(troubles.splice(0)).toEqual([])
  })
  afterAll(async () => {
    await browser.close()
    await worker.close()
  })

  async function visit(visitOptions: VisitOptions = {}): Promise<Chat> {
    const { url = worker.url, init, ...contextOptions } = visitOptions
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      ...contextOptions,
    })
    // Shorter than the test's own limit, so that a failure names the missing element.
    context.setDefaultTimeout(15_000)
    if (init) await context.addInitScript(init)
    const page = await context.newPage()
    const requests = watch(page, url)
    await page.goto(url)
    return chatOn(page, requests)
  }

  function watch(page: Page, url: string): Request[] {
    const requests: Request[] = []
    page.on('request', (request) => {
      requests.push(request)
      if (!request.url().startsWith(url)) troubles.push(`request to ${request.url()}`)
    })
    page.on('pageerror', (error) => troubles.push(`error: ${error.message}`))
    page.on('dialog', (dialog) => troubles.push(`dialog: ${dialog.message()}`))
    page.on('console', (message) => {
      const isRefusedByServer = message.text().includes('Failed to load resource')
      if (message.type() === 'error' && !isRefusedByServer) troubles.push(message.text())
    })
    return requests
  }

  return {
    get worker() {
      return worker
    },
    get browser() {
      return browser
    },
    visit,
    watch,
    troubles,
  }
}

export function chatOn(page: Page, requests: Request[]): Chat {
  // The stop button is visible from the moment at which a message is sent.
  const settled = async () => {
    await page.locator('.composer .send').last().waitFor({ state: 'hidden' })
    await page.locator('.message.is-open').waitFor({ state: 'detached' })
  }
  return {
    page,
    requests,
    turns: () => requests.filter(isTurn).map((request) => request.postDataJSON()),
    dialog: page.getByRole('dialog'),
    input: page.getByRole('textbox'),
    send: page.getByRole('button', { name: 'Send' }),
    retry: page.getByRole('button', { name: 'Try again' }),
    messages: page.locator('.message .body'),
    lastReply: page.locator('.assistant .body').last(),
    lastNote: page.locator('.assistant .note').last(),
    async say(text) {
      await page.getByRole('textbox').fill(text)
      await page.getByRole('button', { name: 'Send', disabled: false }).waitFor()
      await page.keyboard.press('Enter')
    },
    settled,
    async texts() {
      await settled()
      return page.locator('.message .body').allInnerTexts()
    },
  }
}

/** Another tab of the same visitor, on the same page. */
export async function openTab(site: Site, { page }: Chat): Promise<Chat> {
  const tab = await page.context().newPage()
  const requests = site.watch(tab, site.worker.url)
  await tab.goto(page.url())
  return chatOn(tab, requests)
}

const isTurn = (request: Request) => request.url().endsWith('/v1/chat')

/** For `expect.poll`, which gives up sooner than a loaded machine needs. */
export const patience = { timeout: 15_000 }

export const tenWords = 'one two three four five six seven eight nine ten'

/** A message that makes the offline model reply with exactly this text. */
export const reply = (text: string) => `[[reply ${JSON.stringify(text)}]]`

export async function expectText(chat: Chat, text: string): Promise<void> {
  await chat.lastReply.getByText(text).first().waitFor()
}

/** How often the model was called for a message with this mark. */
export function modelCalls(site: Site, mark: string): number {
  const { requests } = site.worker.model
  return requests.filter(({ messages }) => messages.at(-1)?.content.includes(mark)).length
}
