import type { Page } from 'playwright-core'
import type { Site } from './visit-page.ts'

export type HostPage = {
  /** The content of the body; by default the script of the widget. */
  body?: string
  css?: string
  /** Attributes of the `html` element. */
  html?: string
  /** The Content-Security-Policy header; by default as strict as the demo page's. */
  policy?: string
  /** Further files of the page, by path. */
  files?: Record<string, { contentType: string; body: string }>
}

const STRICT_POLICY =
  "default-src 'self'; style-src 'self'; img-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

/** Serves a page of another site with the widget, at the Worker's own origin. @returns its address */
export async function serveHostPage(
  site: Site,
  page: Page,
  { body, css, html, policy, files }: HostPage,
): Promise<string> {
  const { url } = site.worker
  const script = '<script type="module" src="/widget.js" data-title="Host"></script>'
  const answers: Record<string, { contentType: string; body: string }> = {
    '/host': {
      contentType: 'text/html; charset=utf-8',
      body: `<!doctype html><html ${html ?? 'lang="en"'}><title>Host</title><link rel="stylesheet" href="/host.css"><body>${body ?? script}`,
    },
    '/host.css': { contentType: 'text/css', body: css ?? '' },
    ...files,
  }
  for (const [path, answer] of Object.entries(answers)) {
    await page.route(url + path, (route) =>
      route.fulfill({
        ...answer,
        headers: { 'content-security-policy': policy ?? STRICT_POLICY },
      }),
    )
  }
  return `${url}/host`
}
