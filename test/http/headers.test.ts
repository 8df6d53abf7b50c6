import { readdir } from 'node:fs/promises'
import { extname, join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient } from '../rigs/client.ts'
import type { DatabaseFault } from '../rigs/database-proxy.ts'
import { appRoutes, type Request } from '../rigs/routes.ts'
import { useRig } from '../rigs/start-rig.ts'
import { startWorker, type TestWorker } from '../rigs/start-worker.ts'

const { rig, visitor } = useRig()

const turn: Request = ['POST', '/v1/chat', { message: 'Hello' }]
const stream = { accept: 'text/event-stream' }

/** Nobody can sniff, frame, run or cache an answer that is data, or read it by a tag of another site. */
function expectGuarded({ headers }: Response, name: string) {
  expect(Object.fromEntries(headers), name).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': expect.stringMatching(/^no-store\b/),
    'x-request-id': expect.stringMatching(/./),
  })
  for (const header of ['set-cookie', 'x-powered-by', 'server', 'access-control-allow-credentials'])
    expect(headers.has(header), `${name}: ${header}`).toBe(false)
}

/** A request to each route of the API, with ids that do not exist. */
const everywhere: [method: string, path: string][] = appRoutes()
  .map((route) => route.split(' ') as [string, string])
  .filter(([, path]) => /^\/(v1|health)\//.test(path))
  .map(([method, path]) => [method, path.replaceAll(/:\w+/g, crypto.randomUUID())])

describe('every answer of the API is guarded by its headers', () => {
  test.each<[string, string]>([
    ...everywhere,
    ['GET', '/v1/nothing'],
    ['GET', '/nothing'],
    ['PURGE', '/v1/chat'],
  ])('%s %s, for whoever calls', async (method, path) => {
    for (const token of [visitor.token, undefined, 'nonsense']) {
      const response = await createClient(rig.url, token).request(method, path)
      await response.text()
      expectGuarded(response, `${method} ${path} ${response.status}`)
    }
  })

  test('preflights and answers to HEAD', async () => {
    const headers = { origin: rig.url, 'access-control-request-method': 'POST' }
    for (const method of ['OPTIONS', 'HEAD'])
      expectGuarded(await visitor.request(method, '/v1/sessions', undefined, headers), method)
  })

  test('turns, streamed or not, replayed or joined', async () => {
    const message_id = crypto.randomUUID()
    const body = { message: 'Hello', message_id }
    const first = await visitor.request('POST', '/v1/chat', body)
    const { session_id, reply } = (await first.json()) as {
      session_id: string
      reply: { id: string }
    }
    const joined = `/v1/sessions/${session_id}/messages/${reply.id}/stream`
    const answers = {
      first,
      replayed: await visitor.request('POST', '/v1/chat', body),
      streamed: await visitor.request(...turn, stream),
      joined: await visitor.request('GET', joined),
    }
    for (const [name, response] of Object.entries(answers)) {
      expect(response.status, name).toBe(200)
      expectGuarded(response, name)
      if (!response.bodyUsed) await response.text()
    }
  })

  test.each<[number, Request, DatabaseFault | undefined, string?]>([
    [400, ['POST', '/v1/chat', '{'], undefined],
    [403, turn, undefined, 'https://evil.example'],
    [413, ['POST', '/v1/chat', { message: 'a'.repeat(128 * 1024) }], undefined],
    [500, turn, 'repeats everything'],
    [503, turn, 'reset before'],
    [502, ['POST', '/v1/chat', { message: '[[fault status=500]]' }], undefined],
  ])('problems: %i', async (status, [method, path, body], fault, origin) => {
    rig.database.fault = () => fault
    const response = await visitor.request(method, path, body, origin ? { origin } : {})
    expect(response.status, await response.text()).toBe(status)
    expectGuarded(response, String(status))
  })
})

test('a stream is passed on as it comes: the client has the text of a model that hangs', async () => {
  const message = '[[fault stall after=2]] Hello'
  const response = await visitor.request('POST', '/v1/chat', { message }, stream)
  let text = ''
  for await (const bytes of response.body ?? []) {
    text += Buffer.from(bytes).toString()
    if (text.includes('event: delta')) break
  }
  expect(text).toContain('event: delta')
  expect(text).not.toContain('event: turn.failed')
})

describe('the page', () => {
  let worker: TestWorker
  beforeAll(async () => {
    worker = await startWorker()
  })
  afterAll(() => worker.close())

  test('cannot be framed, and runs only its own scripts', async () => {
    const response = await fetch(worker.url)
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    await response.text()
  })

  test('has files of the right type each, in UTF-8, that nobody guesses anew', async () => {
    const types: Record<string, string> = {
      '.html': 'text/html; charset=utf-8',
      '.css': 'text/css; charset=utf-8',
      '.js': 'text/javascript; charset=utf-8',
      // TypeScript has no type of its own: `.ts` stands for a video elsewhere.
      '.ts': 'text/plain; charset=utf-8',
    }
    const entries = await readdir('dist/widget', { recursive: true, withFileTypes: true })
    const files = entries
      .filter((entry) => entry.isFile() && entry.name !== '_headers')
      .map(({ parentPath, name }) => relative('dist/widget', join(parentPath, name)))
    expect(files).toEqual(expect.arrayContaining(['index.html', 'widget.js', 'widget.d.ts']))
    for (const file of files) {
      const response = await fetch(`${worker.url}/${file}`)
      const { headers } = response
      await response.text()
      expect(response.status, file).toBe(200)
      expect(headers.get('content-type'), file).toBe(types[extname(file)])
      expect(headers.get('x-content-type-options'), file).toBe('nosniff')
    }
  })

  test('does not serve the file of its headers', async () => {
    const response = await fetch(`${worker.url}/_headers`)
    expect(response.status, await response.text()).toBe(404)
  })

  test('lets every site load its scripts', async () => {
    const response = await fetch(`${worker.url}/widget.js`)
    expect(response.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    await response.text()
  })
})
