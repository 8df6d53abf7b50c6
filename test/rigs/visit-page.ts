import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Browser, BrowserContextOptions, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { launchBrowser } from '../../scripts/dev/launch-browser.ts'
import { startWorker, type TestWorker, type TestWorkerOptions } from './start-worker.ts'

export type VisitOptions = BrowserContextOptions & {
  /** By default the demo page of the Worker. */
  url?: string
  /** Runs before every script of the page. */
  init?: () => void
}

export type Chat = {
  page: Page
  requests: Request[]
  /** The bodies of the turns that were sent. */
  turns(): ReturnType<Request['postDataJSON']>[]
  dialog: ReturnType<Page['locator']>
  input: ReturnType<Page['locator']>
  send: ReturnType<Page['locator']>
  retry: ReturnType<Page['locator']>
  messages: ReturnType<Page['locator']>
  lastReply: ReturnType<Page['locator']>
  lastNote: ReturnType<Page['locator']>
  /** Sends a message, once the last turn has ended. */
  say(text: string): Promise<void>
  /** Resolves once no reply is running. */
  settled(): Promise<void>
  texts(): Promise<string[]>
}

export type Site = {
  readonly worker: TestWorker
  readonly browser: Browser
  /** A new visitor on the demo page. */
  readonly visit: (options?: VisitOptions) => Promise<Chat>
  /** Records what a page must not cause; at its end, the test fails if there is any. */
  watch: (page: Page, url: string) => Request[]
  /** What no test may cause: errors, violations of the page's policy, requests to other hosts. */
  troubles: string[]
}

/**
 * A Worker and a browser for the tests of one file, which calls this at its top: they start before the
 * tests, every page is closed after its test, and a test whose page was in trouble fails.
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
    // Shorter than the timeout of a test, so that a failure names what it waited for.
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
  // The stop button is visible as soon as a message is sent.
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

const isTurn = (request: Request) => request.url().endsWith('/v1/chat')

/** A message that makes the offline model reply with exactly this text. */
export const reply = (text: string) => `[[reply ${JSON.stringify(text)}]]`

export async function expectText(chat: Chat, text: string): Promise<void> {
  await chat.lastReply.getByText(text).first().waitFor()
}

/** A TCP proxy before the server. `cut` resets all its connections; new ones pass. */
export async function startLine(url: string): Promise<{ url: string; cut(): void; close(): void }> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  const line = createServer((socket) => {
    const upstream = connect(Number(port), hostname)
    for (const end of [socket, upstream]) {
      sockets.add(end)
      end.on('error', () => {})
      end.on('close', () => {
        sockets.delete(end)
        socket.destroy()
        upstream.destroy()
      })
    }
    socket.pipe(upstream).pipe(socket)
  })
  await once(line.listen(0, '127.0.0.1'), 'listening')
  const address = line.address()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    close() {
      cut()
      line.close()
    },
  }
}
