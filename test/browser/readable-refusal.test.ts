import http from 'node:http'
import type { Frame } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { listen } from '../../scripts/dev/listen.ts'
import { setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()
beforeEach(() => site.worker.clear())

/** A website that no setting allows. */
let elsewhere: { url: string; close: () => void }
beforeAll(async () => {
  const server = http.createServer((_, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><iframe sandbox="allow-scripts" srcdoc="<p>Hello"></iframe>')
  })
  const port = await listen(server)
  elsewhere = { url: `http://127.0.0.1:${port}`, close: () => server.close() }
})
afterAll(() => elsewhere.close())

/** Calls the Worker as a page does: with a preflight, because of the credential and the content type. */
function callFrom(frame: Frame, method: string, path: string) {
  return frame.evaluate(
    async ([url = '', how = '']) => {
      const response = await fetch(url, {
        method: how,
        headers: {
          authorization: 'Bearer nonsense',
          'content-type': 'application/json',
          'last-event-id': '5',
        },
        ...(how === 'POST' && { body: '{"message":"Hello"}' }),
      })
      return { status: response.status, problem: await response.json() }
    },
    [site.worker.url + path, method],
  )
}

test('a page that may not call can read that, in a sandboxed frame too, and its request does not run', async () => {
  const page = await site.browser.newPage()
  await page.goto(elsewhere.url)
  const frames = await Promise.all(
    page.frames().map(async (frame) => ({ frame, origin: await frame.evaluate(() => origin) })),
  )
  expect(frames.map(({ origin }) => origin)).toEqual([elsewhere.url, 'null'])
  for (const { frame, origin } of frames)
    for (const [method, path] of [
      ['POST', '/v1/chat'],
      ['GET', '/v1/sessions'],
      ['DELETE', '/v1/me'],
    ] as const)
      expect(await callFrom(frame, method, path), `${method} ${path}`).toEqual({
        status: 403,
        problem: {
          code: 'origin_not_allowed',
          status: 403,
          title: expect.any(String),
          detail: expect.any(String),
          origin,
          request_id: expect.any(String),
        },
      })
  expect(site.worker.timeline).toEqual([])
})
