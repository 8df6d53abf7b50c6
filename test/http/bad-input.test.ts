import http from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { type Client, createClient } from '../rigs/client.ts'
import { type Login, startLogin } from '../rigs/login.ts'
import { fieldsOf, problemOf, type ProblemJson } from '../rigs/problem.ts'
import { bodyRoutes } from '../rigs/routes.ts'
import { startWorker, type TestWorker } from '../rigs/start-worker.ts'

const ADMIN_TOKEN = 'Admin-token-of-forty-characters-or-more'
let login: Login
let worker: TestWorker
/** Signed in, so that every route except the owner's accepts the credential. */
let user: Client
beforeAll(async () => {
  login = await startLogin()
  worker = await startWorker({ vars: { ADMIN_TOKEN, ...login.vars } })
  user = createClient(worker.url, await login.signBySecret())
})
beforeEach(() => worker.clear())
// Every request of this file is refused before a call to the database or the model.
afterEach(() => expect(worker.timeline).toEqual([]))
afterAll(async () => {
  await worker.close()
  await login.close()
})

const uuid = '01890a5d-ac96-774b-bcce-b302099a8057'
const chat = 'POST /v1/chat'
const newSession = 'POST /v1/sessions'
const changeSession = `PATCH /v1/sessions/${uuid}`
const receipt = `POST /v1/sessions/${uuid}/context`
const feedback = `PUT /v1/sessions/${uuid}/messages/${uuid}/feedback`
/** Other fields that a body of the route needs. */
const othersOf: Record<string, object> = {
  [chat]: { message: 'Hello' },
  [receipt]: { message: 'Hello' },
  [feedback]: { rating: 'up' },
}
type Body = string | Uint8Array<ArrayBuffer>

function send(route: string, body: Body, headers: Record<string, string> = {}) {
  const [method = '', path = ''] = route.split(' ')
  return fetch(worker.url + path, { method, body, headers: { ...headersFor(path), ...headers } })
}

function headersFor(path: string) {
  const token = path.startsWith('/v1/admin') ? ADMIN_TOKEN : user.token
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
}

async function refusal(status: number, response: Promise<Response>): Promise<ProblemJson> {
  const problem = await problemOf(await response)
  expect(problem.status, JSON.stringify(problem)).toBe(status)
  return problem
}

/** Expects a 400 that names only this field, for each body. */
async function refusesField(field: string, route: string, bodies: Body[]) {
  await Promise.all(
    bodies.map(async (body) => {
      const problem = await refusal(400, send(route, body))
      expect(problem.code).toBe('invalid_request')
      expect(fieldsOf(problem), typeof body === 'string' ? body.slice(0, 200) : 'bytes').toEqual([
        field,
      ])
    }),
  )
}

describe.each(bodyRoutes(uuid))('the body of %s', (route) => {
  test('is refused if it is not JSON', () =>
    refusesField('body', route, [
      '{"message":"Hel',
      'message=Hello',
      '{} {}',
      '{/* Hello */}',
      '',
      '['.repeat(60_000),
      new Uint8Array(Buffer.from('{"message":"Hello"}', 'utf16le')),
    ]))

  test('is refused if it is not UTF-8, and not changed', () =>
    refusesField('body', route, [new Uint8Array(Buffer.from('{"message":"caf\xe9"}', 'latin1'))]))

  test('is refused if it is not an object', () =>
    refusesField('body', route, [
      '[]',
      '['.repeat(60_000) + ']'.repeat(60_000),
      '"a"',
      '1',
      'null',
    ]))

  test('is refused with any content type except JSON', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/ld+json',
      'json',
    ]) {
      const problem = await refusal(
        415,
        send(route, '{"message":"Hello"}', { 'content-type': type }),
      )
      expect(problem.code).toBe('unsupported_media_type')
    }
  })

  test('is refused over 128 KiB, even as 200,000 nested arrays', async () => {
    const long = JSON.stringify({ message: 'a'.repeat(128 * 1024) })
    for (const body of [long, '['.repeat(200_000)])
      expect((await refusal(413, send(route, body))).code).toBe('body_too_large')
  })

  test('is refused over 128 KiB if it comes in chunks, without a length', async () => {
    const { status, problem } = await sendMegabyte(route)
    expect([status, problem.code]).toEqual([413, 'body_too_large'])
  })

  test('is refused with the name of an unknown field', async () => {
    const problem = await refusal(400, send(route, '{"nobodys":1}'))
    expect(problem.errors).toContainEqual({ field: 'nobodys', message: 'is not a known field' })
  })
})

/** Sends a megabyte of spaces in chunks, with a pause after the first byte too many: the answer must come by then. */
async function sendMegabyte(route: string) {
  const [method = '', path = ''] = route.split(' ')
  const request = http.request(worker.url + path, { method, headers: headersFor(path) })
  const answer = Promise.withResolvers<http.IncomingMessage>()
  request.on('response', answer.resolve).on('error', answer.reject)
  request.write(' '.repeat(limits.bodyBytes + 1))
  // After the answer, the connection may be closed, so nothing more is sent.
  const isAnswered = await Promise.race([answer.promise.then(() => true), sleep(2_000, false)])
  if (!isAnswered) request.end(' '.repeat(1024 * 1024 - limits.bodyBytes - 1))
  const response = await answer.promise
  const problem = JSON.parse(await readText(response)) as ProblemJson
  request.destroy()
  return { status: response.statusCode, problem }
}

describe('a text', () => {
  test.each([
    [chat, 'message', 8_000],
    [chat, 'context_text', 8_000],
    [newSession, 'title', 200],
    [changeSession, 'title', 200],
    [receipt, 'message', 8_000],
    [receipt, 'context_text', 8_000],
    [feedback, 'comment', 1_000],
  ])('of %s, %s, is refused if it is blank or over %i UTF-16 units', (route, field, max) => {
    const others = othersOf[route]
    const unseen = ['\u200b\u200d', '\u2060\u00ad\u034f', '\u3164\u115f\u2800', '\ufe0f\u{e0020}']
    const blank = [' ', '\t\r\n', '\u2028\ufeff\u00a0', ...unseen, '\u0001\u007f']
    const long = ['a'.repeat(max + 1), '😀'.repeat(max / 2 + 1)]
    const bodies = [...blank, ...long].map((text) => JSON.stringify({ ...others, [field]: text }))
    return refusesField(field, route, bodies)
  })

  test.each([
    [chat, 'message', '"TEXT"'],
    [chat, 'context_text', '"TEXT"'],
    [chat, 'metadata', '{"a":"TEXT"}'],
    [chat, 'metadata', '{"a":[{"TEXT":1}]}'],
    [newSession, 'title', '"TEXT"'],
    [newSession, 'metadata', '{"TEXT":1}'],
    [changeSession, 'title', '"TEXT"'],
    [changeSession, 'metadata', '{"a":{"b":["TEXT"]}}'],
  ])('of %s, %s %s, is refused if it contains NUL or a lone surrogate', (route, field, json) => {
    const others = route === chat && field !== 'message' ? '"message":"Hello",' : ''
    const escapes = ['a\\u0000b', '\\u0000', 'a\\ud800', '\\udc00a', '\\ud83d\\ud83d\\ude00']
    const bodies = escapes.map((text) => `{${others}"${field}":${json.replace('TEXT', text)}}`)
    return refusesField(field, route, bodies)
  })
})

describe('metadata', () => {
  const nested = (levels: number) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels)

  test.each([
    ['over 4 KiB as JSON', JSON.stringify({ a: 'a'.repeat(4_096 - '{"a":""}'.length + 1) })],
    ['nested 6 levels deep', nested(6)],
    ['nested 10,000 levels deep', nested(10_000)],
    ['nested 6 levels deep, by __proto__', `{"__proto__":${nested(5)}}`],
    ['with a number that is not finite', '{"a":[{"b":-1e400}]}'],
  ])('is refused: %s', async (_, json) => {
    await refusesField('metadata', chat, [`{"message":"Hello","metadata":${json}}`])
    await refusesField('metadata', newSession, [`{"metadata":${json}}`])
    await refusesField('metadata', changeSession, [`{"metadata":${json}}`])
  })
})

describe('a number or an id in a body', () => {
  test('is refused if it is out of range', () => {
    const wrong = [-1, 201, 1.5, 1e300, '5']
    const bodies = wrong.map((limit) => JSON.stringify({ message: 'a', history_limit: limit }))
    return refusesField('history_limit', chat, bodies)
  })

  test.each(['x', '1', `${uuid}0`, `{${uuid}}`, uuid.replaceAll('-', ''), `${uuid}'--`])(
    'is a 400 if it is the malformed id %s, which is a 404 in a path',
    async (id) => {
      for (const field of ['session_id', 'message_id', 'regenerate', 'continue']) {
        const body = JSON.stringify({ message: 'Hello', message_id: uuid, [field]: id })
        await refusesField(field, chat, [body])
      }
      const path = `/v1/sessions/${encodeURIComponent(id)}`
      await refusal(404, user.request('GET', path))
      await refusal(404, user.request('GET', `${path}/messages`))
      await refusal(404, user.request('DELETE', path))
      await refusal(404, user.request('PATCH', path, { title: 'Hello' }))
    },
  )

  test.each(['regenerate', 'continue'])('needs message_id if it is %s', (name) =>
    refusesField('message_id', chat, [JSON.stringify({ message: 'Hello', [name]: uuid })]),
  )
})

test('odd headers cause no error, and no answer repeats them', async () => {
  const odd = { accept: ';q=,,/*;q=x', 'x-request-id': '<script>', cookie: '%%%' }
  const problem = await refusal(400, send(chat, '{"message":""}', odd))
  expect(problem.request_id).toMatch(/^[0-9a-f-]{36}$/)
  const anybody = createClient(worker.url)
  expect((await anybody.request('POST', '/v1/visitors', undefined, odd)).status).toBe(201)
})
