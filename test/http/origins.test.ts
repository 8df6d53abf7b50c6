import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createClient } from '../rigs/client.ts'
import type { DatabaseFault } from '../rigs/database-proxy.ts'
import { problemOf } from '../rigs/problem.ts'
import { openRaw, readAnswers } from '../rigs/raw-request.ts'
import { appRoutes, type Request } from '../rigs/routes.ts'
import { type Rig, startRig, useRig } from '../rigs/start-rig.ts'

const ALLOWED_ORIGINS = [
  'https://www.example.com',
  'https://*.Example.org',
  'https://*.ports.example:8443',
  'http://localhost:*',
].join(', ')

const { rig, visitor } = useRig({ ALLOWED_ORIGINS })

function expectNothingRan() {
  expect(rig.database.calls).toEqual([])
  expect(rig.model.requests).toEqual([])
}

const site = 'https://www.example.com'
const listing: Request = ['GET', '/v1/sessions']

function ask([method, path, body]: Request, headers: Record<string, string>) {
  return visitor.request(method, path, body, headers)
}

/** The headers that let a page of another origin read an answer. */
function corsOf({ headers }: Response) {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')))
}

/** A request to each route, with ids that do not exist. */
const everywhere: Request[] = appRoutes()
  .map((route) => route.split(' ') as [string, string])
  .filter(([, path]) => path.startsWith('/v1/'))
  .map(([method, path]) => [method, path.replaceAll(/:\w+/g, crypto.randomUUID())])

/**
 * Expects that a request with these headers is refused, and that a page can read nothing but the refusal.
 * @param readable the origin that may read it; undefined: none
 */
async function expectRefused(
  headers: Record<string, string>,
  { request = listing, readable }: { request?: Request; readable?: string | undefined } = {},
) {
  const response = await ask(request, headers)
  const problem = await problemOf(response)
  expect(problem, JSON.stringify(headers)).toEqual({
    code: 'origin_not_allowed',
    status: 403,
    title: 'This website may not use this Worker',
    detail: expect.any(String),
    request_id: expect.any(String),
    ...(readable !== undefined && { origin: readable }),
  })
  if (readable !== 'null') expect(problem['detail']).toContain('ALLOWED_ORIGINS')
  const allowed = readable === undefined ? {} : { 'access-control-allow-origin': readable }
  expect(corsOf(response)).toEqual(allowed)
  expect(response.headers.get('vary')).toBe('Origin')
}

/** Origins that no setting allows, as browsers write them: their pages can read the refusal. */
const otherOrigins = [
  'null',
  'https://evil.example',
  'https://example.com',
  'https://www.example.com.evil.example',
  'https://evilwww.example.com',
  'https://www.example.com:8443',
  'http://www.example.com',
  'https://www.example.com.',
  'file://',
  'chrome-extension://abcdefgh',
  'https://example.org',
  'https://evil-example.org',
  'https://.example.org',
  'https://a.example.org.evil.example',
  'https://a.example.org:444',
  'http://a.example.org',
  'https://a.ports.example',
  'https://localhost:3000',
  'http://localhost.evil.example:3000',
  'http://127.0.0.1:1',
  'http://[::1]:3000',
]

/** No browser sends these, so nobody can read the refusal, and it does not repeat them. */
const nonsenseOrigins = [
  'https://evil.example/https://www.example.com',
  'https://www.example.com/',
  'https://user@www.example.com',
  'https://www.example.com@evil.example',
  'https://www.example.com, https://www.example.com',
  'https://www.example.com https://evil.example',
  'https://%77ww.example.com',
  '//www.example.com',
  'www.example.com',
  'https://*.example.org',
  'null, null',
  `https://${'a'.repeat(300)}.example`,
]

describe('a website', () => {
  test.each([
    ['the Worker itself', () => rig.url],
    ['one that is named', () => site],
    ['one that is named, by the port that goes without saying', () => `${site}:443`],
    ['one that is named, in capitals', () => 'HTTPS://WWW.EXAMPLE.COM'],
    ['one below a domain', () => 'https://a.example.org'],
    ['one far below a domain', () => 'https://a.b-c.d.example.org'],
    ['one below a domain, at its port', () => 'https://a.ports.example:8443'],
    ['one on any port', () => 'http://localhost:3000'],
    ['one on any port, which is its own', () => 'http://localhost'],
  ])('may call where it is %s, and read the answer without credentials', async (_, origin) => {
    const response = await ask(listing, { origin: origin() })
    expect(response.status).toBe(200)
    expect(corsOf(response)).toEqual({
      'access-control-allow-origin': new URL(origin()).origin,
      'access-control-expose-headers': 'retry-after,x-request-id,server-timing,x-reply-id',
    })
    expect(response.headers.get('vary')).toBe('Origin')
  })

  test.each(otherOrigins)('elsewhere, %j, is refused before anything runs', async (origin) => {
    await expectRefused({ origin }, { readable: origin })
    expectNothingRan()
  })

  test.each(nonsenseOrigins)('%j is refused before anything runs', async (origin) => {
    await expectRefused({ origin })
    expectNothingRan()
  })

  test('elsewhere with a long name is named by its first 100 characters', async () => {
    const origin = `https://${'a'.repeat(60)}.${'b'.repeat(60)}.example`
    const response = await ask(listing, { origin })
    const problem = await problemOf(response)
    expect(problem['origin']).toBe(`${origin.slice(0, 99)}…`)
    expect(problem['detail']).toBe(
      `The setting ALLOWED_ORIGINS does not list ${origin.slice(0, 99)}…`,
    )
    expect(corsOf(response)).toEqual({ 'access-control-allow-origin': origin })
  })

  test('elsewhere is logged with the name of the setting, and without its own', async () => {
    await expectRefused({ origin: 'https://evil.example' }, { readable: 'https://evil.example' })
    const isRefusal = (line: string) => line.includes('origin_not_allowed')
    await vi.waitUntil(() => rig.logs().some(isRefusal))
    const line = rig.logs().find(isRefusal) ?? ''
    expect(JSON.parse(line)).toMatchObject({
      status: 403,
      fault: { name: 'Problem', hint: 'setting ALLOWED_ORIGINS' },
    })
    expect(line).not.toContain('evil')
  })

  test('elsewhere is refused on every route, with any credential', async () => {
    expect(everywhere.length).toBeGreaterThan(8)
    const clients = [visitor, createClient(rig.url), createClient(rig.url, 'nonsense')]
    const bodies = new Set<string>()
    const headers = new Set<string>()
    for (const client of clients)
      for (const [method, path] of [...everywhere, ['GET', '/v1/nothing'] as Request]) {
        const response = await client.request(method, path, undefined, { origin: 'null' })
        const problem = await problemOf(response)
        expect(problem.code, `${method} ${path}`).toBe('origin_not_allowed')
        bodies.add(JSON.stringify({ ...problem, request_id: '' }))
        headers.add(JSON.stringify(corsOf(response)))
      }
    // Neither the route nor the credential changes the refusal, so it reveals nothing of them.
    expect(bodies.size).toBe(1)
    expect([...headers]).toEqual(['{"access-control-allow-origin":"null"}'])
    expectNothingRan()
  })

  test('elsewhere is refused before its body arrives', async () => {
    const connection = openRaw(rig.url)
    const lines = ['POST /v1/chat HTTP/1.1', `Host: ${new URL(rig.url).host}`]
    lines.push('Origin: https://evil.example', 'Content-Length: 1000', 'Connection: close')
    connection.write(`${lines.join('\r\n')}\r\n\r\n{`)
    const [answer] = readAnswers(await connection.closed)
    expect(answer?.status).toBe(403)
  })
})

describe('a preflight', () => {
  const asking = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,last-event-id',
  }

  test('of an allowed website is answered for every route', async () => {
    const paths = [...new Set(everywhere.map(([, path]) => path))]
    for (const path of paths) {
      const nobody = createClient(rig.url)
      const headers = { ...asking, origin: site }
      const response = await nobody.request('OPTIONS', path, undefined, headers)
      expect(response.status).toBe(204)
      expect(corsOf(response)).toEqual({
        'access-control-allow-origin': site,
        'access-control-allow-methods': 'GET,POST,PUT,PATCH,DELETE',
        'access-control-allow-headers': 'authorization,content-type,last-event-id',
        'access-control-expose-headers': 'retry-after,x-request-id,server-timing,x-reply-id',
        'access-control-max-age': '7200',
      })
      expect(response.headers.get('vary')?.split(', ')).toContain('Origin')
      expect(await response.text()).toBe('')
    }
    expectNothingRan()
  })

  test('of a website elsewhere lets the page read the refusal, and nothing else', async () => {
    for (const origin of otherOrigins) {
      const response = await ask(['OPTIONS', '/v1/chat'], { ...asking, origin })
      expect(response.status, origin).toBe(204)
      expect(await response.text()).toBe('')
      expect(corsOf(response)).toEqual({
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET,POST,PUT,PATCH,DELETE',
        'access-control-allow-headers': 'authorization,content-type,last-event-id',
      })
      expect(response.headers.get('vary')).toBe('Origin')
      const turn: Request = ['POST', '/v1/chat', { message: 'Hello' }]
      await expectRefused({ origin }, { request: turn, readable: origin })
    }
    expectNothingRan()
  })

  test('of a website elsewhere is refused if no browser would send it', async () => {
    const request: Request = ['OPTIONS', '/v1/chat']
    for (const origin of nonsenseOrigins) await expectRefused({ ...asking, origin }, { request })
    await expectRefused({ origin: 'null' }, { request, readable: 'null' })
  })
})

describe('an answer to another origin', () => {
  const turn: Request = ['POST', '/v1/chat', { message: 'Hello' }]
  const large: Request = ['POST', '/v1/chat', { message: 'a'.repeat(128 * 1024) }]
  const text = { 'content-type': 'text/plain' }

  test.each<[number, Request, { headers?: Record<string, string>; fault?: DatabaseFault }]>([
    [400, ['POST', '/v1/chat', {}], {}],
    [401, listing, { headers: { authorization: 'Bearer nonsense' } }],
    [404, ['GET', '/v1/nothing'], {}],
    [404, ['GET', `/v1/sessions/${crypto.randomUUID()}`], {}],
    [413, large, {}],
    [415, turn, { headers: text }],
    [500, turn, { fault: 'repeats everything' }],
    [503, turn, { fault: 'reset before' }],
  ])('can be read by its page if it is a problem: %i', async (status, request, options) => {
    rig.database.fault = () => options.fault
    const response = await ask(request, { ...options.headers, origin: site })
    expect((await problemOf(response)).status).toBe(status)
    expect(corsOf(response)).toMatchObject({ 'access-control-allow-origin': site })
    expect(response.headers.get('vary')).toBe('Origin')
  })

  test('can be read by its page if it is a stream', async () => {
    const response = await ask(turn, { accept: 'text/event-stream', origin: site })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(corsOf(response)).toMatchObject({ 'access-control-allow-origin': site })
    expect(await response.text()).toContain('event: turn.completed')
  })
})

describe('a request without an origin', () => {
  let strict: Rig
  beforeAll(async () => {
    strict = await startRig({ ALLOWED_ORIGINS, ALLOW_NO_ORIGIN: 'false' })
  })
  afterAll(() => strict.close())

  const status = async (headers: Record<string, string>) => {
    const client = createClient(strict.url, visitor.token)
    return (await client.request('GET', '/v1/sessions', undefined, headers)).status
  }

  test('is accepted, as from a server or curl', async () => {
    expect((await ask(listing, {})).status).toBe(200)
    expect((await ask(listing, { 'sec-fetch-site': 'none' })).status).toBe(200)
  })

  test('is refused if ALLOW_NO_ORIGIN is false', async () => {
    expect(await status({})).toBe(403)
    expect(await status({ 'sec-fetch-site': 'none' })).toBe(403)
    expect(await status({ origin: site })).toBe(200)
  })

  test("is accepted in both cases if a browser says that it comes from the Worker's own page", async () => {
    const headers = { 'sec-fetch-site': 'same-origin' }
    expect(await status(headers)).toBe(200)
    expect((await ask(listing, headers)).status).toBe(200)
  })

  test('is refused in both cases if a browser says that it comes from another site', async () => {
    for (const from of ['cross-site', 'same-site']) {
      await expectRefused({ 'sec-fetch-site': from })
      expect(await status({ 'sec-fetch-site': from })).toBe(403)
    }
  })

  test('does not make up for a wrong origin', async () => {
    const headers = { origin: 'null', 'sec-fetch-site': 'same-origin' }
    await expectRefused(headers, { readable: 'null' })
  })
})

test("without ALLOWED_ORIGINS, only the Worker's own page may call", async () => {
  const closed = await startRig()
  try {
    const { url } = closed
    const statusFrom = async (origin: string) =>
      (await createClient(url).request('POST', '/v1/visitors', undefined, { origin })).status
    expect(await statusFrom(url)).toBe(201)
    const { port } = new URL(url)
    const near = [
      `https://127.0.0.1:${port}`,
      `http://user@127.0.0.1:${port}`,
      `${url}0`,
      `${url}/`,
    ]
    const others = [...near, site, `http://localhost:${port}`, 'http://localhost:3000', 'null']
    for (const origin of others) expect(await statusFrom(origin), origin).toBe(403)
  } finally {
    await closed.close()
  }
})
