import type { Page } from 'playwright-core'
import { type Chat, chatOn, type Site } from './visit-page.ts'

export interface HostPage {
  /** The body. Default: the script of the widget. */
  body?: string
  /** Further elements of the head. */
  head?: string
  css?: string
  /** Attributes of the `html` element. */
  html?: string
  /** The Content-Security-Policy header. Default: as strict as the demo page's. */
  policy?: string
  /** Further files, by path. */
  files?: Record<string, { contentType: string; body: string }>
}

const strictPolicy =
  "default-src 'self'; style-src 'self'; img-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

/** Serves a site's page with the widget, at the Worker's origin. Returns its address. */
async function serveHostPage(
  site: Site,
  page: Page,
  { body, head, css, html, policy, files }: HostPage,
): Promise<string> {
  const { url } = site.worker
  const answers: Record<string, { contentType: string; body: string }> = {
    '/host': {
      contentType: 'text/html; charset=utf-8',
      body: `<!doctype html><html ${html ?? 'lang="en"'}><title>Host</title><link rel="stylesheet" href="/host.css">${head ?? ''}<body>${body ?? hostScript()}`,
    },
    '/host.css': { contentType: 'text/css', body: css ?? '' },
    ...files,
  }
  for (const [path, answer] of Object.entries(answers)) {
    await page.route(url + path, (route) =>
      route.fulfill({
        ...answer,
        headers: { 'content-security-policy': policy ?? strictPolicy },
      }),
    )
  }
  return `${url}/host`
}

/** The script tag of the widget, with further attributes. */
export function hostScript(attributes = ''): string {
  return `<script type="module" src="/widget.js" data-title="Host" ${attributes}></script>`
}

/** Widgets with these attributes, written by hand into the page, and the script without its own widget. */
export function byHand(...widgets: string[]): string {
  const elements = widgets.map((attributes) => `<chatbot-widget ${attributes}></chatbot-widget>`)
  return `${elements.join('')}<script type="module" src="/widget.js" data-auto="off"></script>`
}

/** Opens the widget on a host page; `init` runs before the page's own scripts. */
export async function visitHost(
  site: Site,
  host: HostPage = {},
  { size = { width: 1280, height: 800 }, init = () => {} } = {},
): Promise<Chat> {
  // Animations would change the measured positions and colours.
  const context = await site.browser.newContext({ viewport: size, reducedMotion: 'reduce' })
  await context.addInitScript(init)
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const requests = site.watch(page, site.worker.url)
  await page.goto(await serveHostPage(site, page, host))
  await page.locator('.launcher').first().waitFor({ state: 'attached' })
  return chatOn(page, requests)
}
