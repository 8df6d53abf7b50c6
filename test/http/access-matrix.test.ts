import http from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Client, createClient, newVisitor, parseEvents } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { type Login, startLogin } from '../rigs/login.ts'
import { problemOf } from '../rigs/problem.ts'
import {
  adminRequests,
  appRoutes,
  newcomerRoutes,
  openRoutes,
  ownRoutes,
  type Request,
  sessionRequests,
} from '../rigs/routes.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { storedUser } from '../rigs/stored-user.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const ADMIN_TOKEN = 'Admin-token-of-forty-characters-or-more'
const secret = 'what-nobody-else-may-read'
const db = testDatabase()

let login: Login
let rig: Rig
/** Nobody else may read, change or erase the sessions of this user. */
let victim: Client
let stranger: Client
let theirs: { sessionId: string; messageId: string; replyId: string; erasedId: string }
let before: unknown

beforeAll(async () => {
  login = await startLogin()
  rig = await startRig({ ADMIN_TOKEN, ...login.vars })
  victim = await newVisitor(rig.worker.url)
  stranger = await newVisitor(rig.worker.url)
  const { session_id: erasedId } = await victim.chat({ message: secret })
  await victim.expect(204, 'DELETE', `/v1/sessions/${erasedId}`)
  const turn = { message: secret, context_text: secret, metadata: { [secret]: secret } }
  const { session_id, reply, history } = await victim.chat(turn)
  const path = `/v1/sessions/${session_id}`
  await victim.expect(200, 'PATCH', path, { title: secret, metadata: { [secret]: secret } })
  const feedback = { rating: 'down', comment: secret }
  await victim.expect(200, 'PUT', `${path}/messages/${reply.id}/feedback`, feedback)
  const messageId = history[0]?.id ?? ''
  theirs = { sessionId: session_id, messageId, replyId: reply.id, erasedId }
})
beforeEach(async () => {
  clear()
  before = await storedVictim()
})
afterEach(async () => {
  expect(await storedVictim()).toEqual(before)
})
afterAll(async () => {
  await rig.close()
  await login.close()
})

function clear() {
  rig.database.clear()
  rig.model.clear()
}

function expectNoCall({ database, model } = rig) {
  expect(database.calls).toEqual([])
  expect(model.requests).toEqual([])
}

const storedVictim = () => storedUser(db, visitorIdOf(victim.token ?? ''))
const flat = (rows: Record<string, Request[]>) => Object.values(rows).flat()
const credential = (token: string) => ({ authorization: `Bearer ${token}` })

/** Requests to every route that needs a credential, about this session. */
function needingUser(sessionId: string): Request[] {
  const ids = [theirs.messageId, theirs.replyId]
  return [...ids.flatMap((id) => flat(sessionRequests(sessionId, id))), ...Object.values(ownRoutes)]
}

/** An answer without the parts that differ between any two requests, and the calls that it took. */
async function answer(client: Client, [method, path, body]: Request, headers?: HeadersInit) {
  const callsBefore = rig.database.calls.length
  const response = await client.request(method, path, body, headers)
  const text = await response.text()
  const requestId = response.headers.get('x-request-id') ?? ''
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => !/^(date|x-request-id)$/.test(name)),
    body: text.replaceAll(requestId, ''),
    calls: rig.database.calls.slice(callsBefore).map(({ statements }) => statements),
  }
}

/** The same request about another session. */
function moved([method, path, body]: Request, from: string, to: string): Request {
  const json = JSON.stringify(body)?.replaceAll(from, to)
  return [method, path.replaceAll(from, to), json === undefined ? undefined : JSON.parse(json)]
}

/** Expects the same answer, in the same calls, for a session of another user as for a session that does not exist. */
async function expectSameAsMissing(client: Client, request: Request, headers?: HeadersInit) {
  const given = await answer(client, request, headers)
  const elsewhere = moved(request, theirs.sessionId, crypto.randomUUID())
  expect(await answer(client, elsewhere, headers), request.join(' ')).toEqual(given)
  return given
}

test('every route of the app has a row here', () => {
  const rows = [sessionRequests('x'), newcomerRoutes, ownRoutes, openRoutes, adminRequests('x')]
  const named = new Set(rows.flatMap((row) => Object.keys(row)))
  expect([...named].toSorted()).toEqual(appRoutes().toSorted())
})

const token = `vst_${'a'.repeat(43)}`
const malformed = {
  'an empty one': 'Bearer',
  'a short token': 'Bearer vst_short',
  'a token and one character more': `Bearer ${token}a`,
  'a token with a character of another alphabet': `Bearer vst_${'a'.repeat(42)}+`,
  'a token in another case': `Bearer ${token.toUpperCase()}`,
  'a token of another kind': `Bearer sk-${'a'.repeat(44)}`,
  'two tokens': `Bearer ${token}, Bearer vst_${'b'.repeat(43)}`,
  'two tokens in one': `Bearer ${token} ${token}`,
  'another scheme': `Basic ${token}`,
  'no scheme': token,
  'a user': `Bearer ${visitorIdOf(token)}`,
  'a number': 'Bearer 0',
  'a number like a hash': 'Bearer 0e1',
  'a word': 'Bearer null',
  JSON: 'Bearer {"not":"a"}',
  'an unsigned JWT': 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.',
  'a JWT that somebody else signed': 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmVk',
  'quotes and a tag': `Bearer "><script>'; --`,
  '8 KB': `Bearer vst_${'a'.repeat(8_000)}`,
}

describe.each(Object.entries(malformed))('a malformed credential (%s)', (_, authorization) => {
  test('is a 401 on every route, whether or not the session exists', async () => {
    const client = createClient(rig.worker.url)
    const elsewhere: Request[] = [
      ...Object.values(newcomerRoutes),
      ['GET', '/v1/nothing'],
      ...flat(adminRequests(theirs.sessionId)),
    ]
    const requests = [...needingUser(theirs.sessionId), ...elsewhere]
    const missing = needingUser(crypto.randomUUID())
    await Promise.all(
      [...requests, ...missing].map(async ([method, path, body]) => {
        const response = await client.request(method, path, body, { authorization })
        const problem = await problemOf(response)
        expect(problem, `${method} ${path}`).toMatchObject({ status: 401, code: 'unauthorized' })
        expect(response.headers.get('www-authenticate')).toBe('Bearer')
      }),
    )
    expectNoCall()
  })
})

describe('a caller without a credential', () => {
  test('gets the same 401 on every route that needs one, whether or not the session exists', async () => {
    const nobody = createClient(rig.worker.url)
    for (const request of needingUser(theirs.sessionId)) {
      const given = await expectSameAsMissing(nobody, request)
      expect(given.status, request.join(' ')).toBe(401)
      expect(Object.fromEntries(given.headers)).toHaveProperty('www-authenticate', 'Bearer')
    }
    expectNoCall()
  })

  test('cannot send one in the query, a cookie, another header or the body', async () => {
    const nobody = createClient(rig.worker.url)
    await Promise.all(
      needingUser(theirs.sessionId)
        .flatMap(smuggle)
        .map(async ([smuggled, headers]) => {
          const { status, body } = await expectSameAsMissing(nobody, smuggled, headers)
          // The body may be refused first.
          expect([401, 400], smuggled.join(' ')).toContain(status)
          expect(body).not.toContain(secret)
        }),
    )
    expectNoCall()
  })
})

/** The same request with the victim's token everywhere except in the authorization header. */
function smuggle([method, path, body]: Request): [Request, Record<string, string>][] {
  const given = victim.token ?? ''
  const user = visitorIdOf(given)
  const names = ['access_token', 'token', 'visitor_token', 'authorization', 'user_id', 'api_key']
  const query = new URLSearchParams(names.map((name) => [name, name === 'user_id' ? user : given]))
  const cookie = names.map((name) => `${name}=${given}`).join('; ')
  const headers = {
    'x-api-key': given,
    'x-authorization': `Bearer ${given}`,
    'proxy-authorization': `Bearer ${given}`,
    'x-forwarded-authorization': `Bearer ${given}`,
    'x-visitor-token': given,
    'x-user-id': user,
    'x-forwarded-user': user,
    'last-event-id': given,
    'sec-websocket-protocol': given,
  }
  const separator = path.includes('?') ? '&' : '?'
  return [
    [[method, `${path}${separator}${query}`, body], {}],
    [[method, path, body], { cookie }],
    [[method, path, body], headers],
    ...(method === 'GET'
      ? []
      : ['visitor_token', 'user_id'].map((name): [Request, Record<string, string>] => [
          [method, path, { ...(body as object), [name]: given }],
          {},
        ])),
  ]
}

/** Valid credentials that are not the victim's, however similar they are. */
const strangers: Record<string, () => string | Promise<string>> = {
  'the token of another visitor': () => stranger.token ?? '',
  'their token in another case': () => (victim.token ?? '').replace(/(?<=^vst_.*)[a-z]/i, swapCase),
  'the stored hash of their token as a token': () =>
    visitorIdOf(victim.token ?? '').replace('visitor:', 'vst_'),
  'their token with another last character': () =>
    (victim.token ?? '').replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
  'a login of the site': () => login.sign(),
  'a login by their name': () => login.signBySecret({ sub: visitorIdOf(victim.token ?? '') }),
}

function swapCase(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
}

describe.each(Object.entries(strangers))('a caller with %s', (_, tokenOf) => {
  test('gets the answers for a session that does not exist, byte for byte and call for call', async () => {
    const client = createClient(rig.worker.url, await tokenOf())
    for (const id of [theirs.messageId, theirs.replyId])
      for (const request of flat(sessionRequests(theirs.sessionId, id))) {
        const given = await expectSameAsMissing(client, request)
        expect(given.status, request.join(' ')).toBe(404)
        expect(given.calls).toHaveLength(1)
        const [method, ...rest] = request
        if (method === 'GET') {
          const head = await expectSameAsMissing(client, ['HEAD', ...rest])
          expect([head.status, head.body, head.calls]).toEqual([404, '', given.calls])
        }
      }
    expect(rig.model.requests).toEqual([])
  })

  test('reads and erases nothing of theirs by the routes that do not name a session', async () => {
    const client = createClient(rig.worker.url, await tokenOf())
    for (const request of Object.values(ownRoutes)) {
      const { body } = await answer(client, request)
      expect(body, request.join(' ')).not.toContain(secret)
      for (const id of Object.values(theirs)) expect(body).not.toContain(id)
    }
    expect(rig.model.requests).toEqual([])
  })
})

test('a stranger gains nothing by adding the token to the query, a cookie, another header or the body', async () => {
  for (const request of flat(sessionRequests(theirs.sessionId, theirs.replyId)))
    for (const [smuggled, headers] of smuggle(request)) {
      const { status } = await expectSameAsMissing(stranger, smuggled, headers)
      expect([404, 400], smuggled.join(' ')).toContain(status)
    }
  expect(rig.model.requests).toEqual([])
})

test('a deleted session looks to its own user like one that never existed', async () => {
  for (const request of flat(sessionRequests(theirs.erasedId, theirs.replyId))) {
    const given = await answer(victim, request)
    const elsewhere = moved(request, theirs.erasedId, crypto.randomUUID())
    expect(await answer(victim, elsewhere), request.join(' ')).toEqual(given)
    expect(given.status).toBe(404)
  }
  expect(rig.model.requests).toEqual([])
})

describe("another user's", () => {
  test('message or reply does not exist in a session of the caller', async () => {
    const visitor = await newVisitor(rig.worker.url)
    const { session_id } = await visitor.chat({ message: 'Hello' })
    clear()
    const path = `/v1/sessions/${session_id}/messages`
    const message_id = crypto.randomUUID()
    const requestsWith = (id: string): Request[] => [
      ['GET', `${path}/${id}/stream`],
      ['PUT', `${path}/${id}/feedback`, { rating: 'up', comment: 'Mine' }],
      ['POST', '/v1/chat', { session_id, message: 'Hello', message_id, regenerate: id }],
    ]
    const missing = requestsWith(crypto.randomUUID())
    for (const id of [theirs.messageId, theirs.replyId])
      for (const [index, request] of requestsWith(id).entries()) {
        const given = await answer(visitor, request)
        expect(given.status, request.join(' ')).toBe(index === 2 ? given.status : 404)
        expect(given.status).toBeGreaterThanOrEqual(400)
        expect(await answer(visitor, missing[index] ?? request)).toEqual(given)
      }
    expect(rig.model.requests).toEqual([])
  })

  test('message_id creates a message of the caller, with or without a session', async () => {
    const visitor = await newVisitor(rig.worker.url)
    const turn = { message: secret, message_id: theirs.messageId }
    const first = await visitor.chat(turn)
    expect(first.session_id).not.toBe(theirs.sessionId)
    expect(first).not.toHaveProperty('replayed')
    const { id: session_id } = await visitor.expect(201, 'POST', '/v1/sessions')
    const second = await visitor.chat({ ...turn, session_id, message: 'Another' })
    expect(second.history).toMatchObject([{ id: theirs.messageId, content: 'Another' }, {}])
  })

  test('cursor reads only sessions of the caller', async () => {
    const visitor = await newVisitor(rig.worker.url)
    await visitor.expect(201, 'POST', '/v1/sessions')
    await victim.expect(201, 'POST', '/v1/sessions')
    const { next_cursor: cursor } = await victim.expect(200, 'GET', '/v1/sessions?limit=1')
    expect(cursor).toEqual(expect.any(String))
    const { data } = await visitor.expect(200, 'GET', `/v1/sessions?cursor=${cursor}`)
    expect(JSON.stringify(data)).not.toContain(secret)
    before = await storedVictim()
  })

  test('Last-Event-ID is only a position in the text of the caller’s reply', async () => {
    const visitor = await newVisitor(rig.worker.url)
    const { session_id, reply } = await visitor.chat({ message: 'Hello' })
    const path = `/v1/sessions/${session_id}/messages/${reply.id}/stream`
    for (const [id, from] of [
      [theirs.replyId, 0],
      [`${theirs.sessionId}/${theirs.replyId}`, 0],
      ['3', 3],
      ['-1', 0],
      ['999999999', reply.content.length],
    ] as const) {
      const response = await visitor.request('GET', path, undefined, { 'last-event-id': id })
      const deltas = parseEvents(await response.text()).filter(({ event }) => event === 'delta')
      expect(deltas.map(({ data }) => data.text).join(''), id).toBe(reply.content.slice(from))
    }
  })
})

test('if a body names two sessions, every check uses the last one', async () => {
  const { id: mine } = await stranger.expect(201, 'POST', '/v1/sessions')
  const named = (first: string, last: string) =>
    `{"message":"Hello","session_id":"${first}","session_id":"${last}"}`
  const { status } = await answer(stranger, ['POST', '/v1/chat', named(mine, theirs.sessionId)])
  expect(status).toBe(404)
  expect(rig.model.requests).toEqual([])
  const own = await stranger.expect(200, 'POST', '/v1/chat', named(theirs.sessionId, mine))
  expect(own.session_id).toBe(mine)
  await stranger.expect(204, 'DELETE', `/v1/sessions/${mine}`)
})

test('no other spelling of a path reaches a session', async () => {
  const path = `/v1/sessions/${theirs.sessionId}`
  const spellings = [
    `/${path}`,
    `/v1/./sessions/${theirs.sessionId}`,
    `/v1/sessions/x/../${theirs.sessionId}`,
    `/v1/sessions/x/%2e%2e/${theirs.sessionId}`,
    `/v1/sessions/x%2f..%2f${theirs.sessionId}`,
    path.toUpperCase(),
    path.replace('sessions', '%73essions'),
    `${path}/`,
    `${path};a=b`,
    `${path}%00`,
    `${path}.json`,
    `/v1/admin/../sessions/${theirs.sessionId}`,
    `/health/live/../..${path}`,
    `${rig.worker.url}${path}`,
  ]
  for (const spelling of spellings)
    for (const sub of ['', '/messages'])
      for (const authorization of [undefined, `Bearer ${stranger.token}`]) {
        const { status, text } = await rawGet(`${spelling}${sub}`, { authorization })
        expect([401, 404], spelling).toContain(status)
        expect(text).not.toContain(secret)
      }
})

/** Sends a path unchanged; `fetch` would normalise it. */
async function rawGet(path: string, { authorization }: { authorization: string | undefined }) {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const { hostname, port } = new URL(rig.worker.url)
    const headers = authorization === undefined ? {} : { authorization }
    http.get({ hostname, port, path, headers, agent: false }, resolve).on('error', reject)
  })
  return { status: response.statusCode, text: await readText(response) }
}

test('the scheme of a credential may have any case', async () => {
  const client = createClient(rig.worker.url)
  for (const scheme of ['bearer', 'BEARER ', 'Bearer']) {
    const headers = { authorization: `${scheme} ${stranger.token}` }
    const response = await client.request('GET', '/v1/sessions', undefined, headers)
    expect(response.status).toBe(200)
  }
})

test('an open route answers every caller in the same way', async () => {
  for (const request of Object.values(openRoutes)) {
    const anybody = await answer(createClient(rig.worker.url), request)
    expect(anybody.status).toBe(200)
    for (const authorization of ['Bearer x', `Bearer ${victim.token}`, `Bearer ${ADMIN_TOKEN}`])
      expect(await answer(createClient(rig.worker.url), request, { authorization })).toEqual(
        anybody,
      )
  }
})

describe("the owner's routes", () => {
  const wrong: Record<string, () => Record<string, string>> = {
    'no token': () => ({}),
    "a visitor's": () => credential(victim.token ?? ''),
    'a wrong one': () => credential('x'.repeat(ADMIN_TOKEN.length)),
    'a prefix': () => credential(ADMIN_TOKEN.slice(0, -1)),
    'one character more': () => credential(`${ADMIN_TOKEN}x`),
    'another case': () => credential(ADMIN_TOKEN.toLowerCase()),
    'another scheme': () => ({ authorization: `Basic ${ADMIN_TOKEN}` }),
    'it twice': () => ({ authorization: `Bearer ${ADMIN_TOKEN}, Bearer ${ADMIN_TOKEN}` }),
    'the word undefined': () => credential('undefined'),
    'it in other places': () => ({
      cookie: `admin_token=${ADMIN_TOKEN}`,
      'x-admin-token': ADMIN_TOKEN,
      'proxy-authorization': `Bearer ${ADMIN_TOKEN}`,
    }),
  }

  test.each(Object.entries(wrong))('refuse %s, without a call', async (_, headers) => {
    const client = createClient(rig.worker.url)
    for (const request of flat(adminRequests(theirs.sessionId))) {
      const given = await expectSameAsMissing(client, request, headers())
      expect(given.status, request.join(' ')).toBe(401)
      const [method, path] = request
      const separator = path.includes('?') ? '&' : '?'
      const asked = `${path}${separator}token=${ADMIN_TOKEN}&admin_token=${ADMIN_TOKEN}`
      expect((await answer(client, [method, asked], headers())).status).toBe(401)
    }
    expectNoCall()
  })

  test('accept the token, which is not a credential anywhere else', async () => {
    const admin = createClient(rig.worker.url, ADMIN_TOKEN)
    for (const request of flat(adminRequests(theirs.sessionId)))
      if (request[0] === 'GET') expect((await answer(admin, request)).status).toBe(200)
    clear()
    for (const request of needingUser(theirs.sessionId))
      expect((await answer(admin, request)).status, request.join(' ')).toBe(401)
    expectNoCall()
  })

  test('do not exist without the setting, whatever the request contains', async () => {
    const without = await startRig()
    try {
      for (const headers of Object.values(wrong).map((make) => make())) {
        const client = createClient(without.worker.url)
        const elsewhere = await answer(client, ['GET', '/v1/nothing'], headers)
        for (const request of flat(adminRequests(theirs.sessionId)))
          expect(await answer(client, request, headers), request.join(' ')).toEqual(elsewhere)
      }
      expectNoCall(without)
    } finally {
      await without.close()
    }
  })
})
