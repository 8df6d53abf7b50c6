import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { openRaw, type RawAnswer, readAnswers, sendRaw } from '../rigs/raw-request.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'

/*
 * Bytes on a socket that no HTTP client sends, straight to workerd. A proxy in front of the Worker, such as miniflare,
 * might correct them.
 */

let rig: Rig
let owner: Client
let stranger: Client
/** The owner's. */
let sessionId: string
/** Starts before the tests, because it takes as long as a body may take, and no other test waits for it. */
let slowly: ReturnType<typeof sendSlowly>
beforeAll(async () => {
  rig = await startRig()
  owner = await newVisitor(rig.worker.url)
  stranger = await newVisitor(rig.worker.url)
  sessionId = (await owner.chat({ message: 'Remember canary' })).session_id
  slowly = sendSlowly()
})
beforeEach(clear)
afterAll(() => rig.close())

function clear() {
  rig.database.clear()
  rig.model.clear()
}

const json = '{"message":"Hello"}'
const newTurn = ['POST /v1/chat HTTP/1.1', 'Content-Type: application/json']

/** @param lines the request line and the headers, without those that every request has */
function headOf(lines: string[]): string {
  return `${[...lines, 'Host: worker.example', 'Connection: close'].join('\r\n')}\r\n\r\n`
}

async function answersTo(lines: string[], body = ''): Promise<RawAnswer[]> {
  return sendRaw(rig.worker.url, headOf(lines) + body)
}

/** The only answer to a request that is refused: 4xx, before a call to the database or the model. */
async function refusalOf(lines: string[], body = ''): Promise<RawAnswer> {
  const answers = await answersTo(lines, body)
  const [answer] = answers
  if (!answer || answers.length > 1) throw new Error(`${answers.length} answers to ${lines[0]}`)
  expect(answer.status, answer.body).toBeGreaterThanOrEqual(400)
  expect(answer.status, answer.body).toBeLessThan(500)
  expect(rig.database.calls).toEqual([])
  expect(rig.model.requests).toEqual([])
  return answer
}

const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

/** Sends one byte per second, in chunks or with a length that it never reaches, until the answer comes. */
async function sendSlowly() {
  const connections = ['Transfer-Encoding: chunked', 'Content-Length: 1000'].map((framing) => {
    const connection = openRaw(rig.worker.url)
    connection.write(headOf([...newTurn, framing]))
    return { connection, drop: framing.startsWith('T') ? chunked('{') : '{' }
  })
  const isOpen = () => connections.some(({ connection }) => !connection.isClosed())
  const pacing = (async () => {
    while (isOpen()) {
      for (const { connection, drop } of connections) connection.write(drop)
      await sleep(1_000)
    }
  })()
  const received = await Promise.all(connections.map(({ connection }) => connection.closed))
  await pacing
  return received.map(readAnswers)
}

describe('a body', () => {
  test('in chunks is refused at the first byte too many, before its end', async () => {
    const connection = openRaw(rig.worker.url)
    connection.write(headOf([...newTurn, 'Transfer-Encoding: chunked']))
    connection.write(chunked(' '.repeat(limits.bodyBytes)))
    connection.write(chunked(' '))
    const [answer] = readAnswers(await connection.closed)
    expect(answer).toMatchObject({ status: 413, body: expect.stringContaining('body_too_large') })
    expect(rig.database.calls).toEqual([])
  })

  test('of megabytes in chunks, many times at once, causes no call, and the Worker continues', async () => {
    const flood = async () => {
      const connection = openRaw(rig.worker.url)
      connection.write(headOf([...newTurn, 'Transfer-Encoding: chunked']))
      for (let sent = 0; sent < 4 * 1024 * 1024 && !connection.isClosed(); sent += 64 * 1024) {
        connection.write(chunked(' '.repeat(64 * 1024)))
        await sleep(0)
      }
      expect(readAnswers(await connection.closed)).toMatchObject([{ status: 413 }])
    }
    await Promise.all(Array.from({ length: 20 }, flood))
    expect(rig.database.calls).toEqual([])
    expect(rig.model.requests).toEqual([])
    await owner.chat({ session_id: sessionId, message: 'Are you there?' })
  })

  test('is limited by its real length, not by its header', async () => {
    const long = `{"message":"${' '.repeat(limits.bodyBytes)}"}`
    const framing = ['Content-Length: 5', 'Transfer-Encoding: chunked']
    for (const headers of [framing, framing.toReversed()]) {
      const { status } = await refusalOf([...newTurn, ...headers], `${chunked(long)}0\r\n\r\n`)
      expect([400, 413]).toContain(status)
    }
  })

  test.each(['-5', '+19', '0x13', '19, 19', '19 5', 'nineteen', '9'.repeat(30)])(
    'with the length %s is refused',
    async (length) => {
      const { status } = await refusalOf([...newTurn, `Content-Length: ${length}`], json)
      expect(status).toBe(400)
    },
  )

  test('with two different lengths is refused', async () => {
    const lengths = ['Content-Length: 19', 'Content-Length: 5']
    for (const headers of [lengths, lengths.toReversed()])
      expect((await refusalOf([...newTurn, ...headers], json)).status).toBe(400)
  })

  test('with malformed chunks is refused', async () => {
    for (const body of [
      `zz\r\n${json}`,
      `-1\r\n${json}\r\n0\r\n\r\n`,
      `${'f'.repeat(17)}\r\n${json}`,
    ])
      expect((await refusalOf([...newTurn, 'Transfer-Encoding: chunked'], body)).status).toBe(400)
  })

  test('ends at the length in its header: a request after it has no credential', async () => {
    const authorization = `Authorization: Bearer ${owner.token}`
    const hidden = `GET /v1/sessions/${sessionId} HTTP/1.1\r\nHost: worker.example\r\nConnection: close\r\n\r\n`
    const first = ['POST /v1/visitors HTTP/1.1', 'Host: worker.example', authorization]
    const head = `${first.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`
    const answers = await sendRaw(rig.worker.url, head + hidden)
    expect(answers.map(({ status }) => status)).toEqual([201, 401])
    expect(rig.database.calls).toEqual([])
  })

  test('of as many nested arrays as fit is a 400, and of one more a 413', async () => {
    const nested = (levels: number) =>
      refusalOf([...newTurn, `Content-Length: ${levels}`], '['.repeat(levels))
    expect((await nested(limits.bodyBytes)).status).toBe(400)
    expect((await nested(limits.bodyBytes + 1)).status).toBe(413)
  })

  test('that breaks off leaves nothing stored', async () => {
    const connection = openRaw(rig.worker.url)
    connection.write(headOf([...newTurn, 'Content-Length: 1000']) + json)
    await sleep(50)
    connection.destroy()
    await createClient(rig.worker.url).expect(200, 'GET', '/health/live')
    expect(rig.database.calls).toEqual([])
  })

  test('that arrives too slowly is refused, and holds no database connection meanwhile', async () => {
    for (const [answer] of await slowly) {
      expect(answer).toMatchObject({ status: 408, body: expect.stringContaining('body_too_slow') })
      expect(answer?.head).toContain('\r\nretry-after: 1\r\n')
    }
    expect(rig.database.calls).toEqual([])
    expect(rig.model.requests).toEqual([])
  }, 40_000)
})

describe('a header', () => {
  test('that occurs twice counts as neither', async () => {
    const listing = 'GET /v1/sessions HTTP/1.1'
    const owners = `Authorization: Bearer ${owner.token}`
    const strangers = `Authorization: Bearer ${stranger.token}`
    for (const pair of [
      [owners, strangers],
      [owners, owners],
      [owners, 'Authorization: Bearer'],
    ])
      expect((await refusalOf([listing, ...pair])).status).toBe(401)

    const origin = 'Origin: http://worker.example'
    for (const other of [origin, 'Origin: https://evil.example', 'Origin: null'])
      expect((await refusalOf([listing, owners, origin, other])).status).toBe(403)

    const lines = [...newTurn, 'Content-Type: application/json', 'Content-Length: 19']
    expect((await refusalOf(lines, json)).status).toBe(415)
  })

  test.each([
    ['a NUL', 'X-Odd: a\0b'],
    ['a CR', 'X-Odd: a\rb'],
    ['a folded line', 'X-Odd: a\r\n b'],
    ['a space before its colon', 'Authorization : Bearer x'],
    ['no colon', 'Authorization'],
    ['a control character in its name', 'X-\x01: a'],
  ])('with %s is refused', async (_, line) => {
    expect((await refusalOf(['GET /v1/sessions HTTP/1.1', line])).status).toBe(400)
  })

  test('of any size or number causes no fault, and no answer repeats it', async () => {
    const sizes = [`X-Long: ${'canary'.repeat(30_000)}`, 'X-Many: canary\r\n'.repeat(3_000).trim()]
    const credential = `Authorization: Bearer ${'canary'.repeat(10_000)}`
    for (const line of [...sizes, credential, `Origin: https://${'canary'.repeat(10_000)}`]) {
      const { head, body } = await refusalOf(['GET /v1/sessions HTTP/1.1', line])
      expect(head + body).not.toContain('canary')
    }
  })
})

describe('a request line', () => {
  test('that is not HTTP is refused, and the Worker continues', async () => {
    for (const line of ['\x16\x03\x01\x02', 'GET', 'GET /', 'GET / HTTP/9.9', 'GET /\0 HTTP/1.1']) {
      const [answer] = await answersTo([line])
      expect(answer?.status ?? 400, line).toBeGreaterThanOrEqual(400)
      expect(answer?.status ?? 400, line).toBeLessThan(500)
    }
    expect(rig.database.calls).toEqual([])
    await owner.expect(200, 'GET', `/v1/sessions/${sessionId}`)
  })

  test('of megabytes is refused', async () => {
    const { status } = await refusalOf([`GET /v1/sessions/${'a'.repeat(2 ** 20)} HTTP/1.1`])
    expect([404, 414, 431]).toContain(status)
  })

  const ways: [string, (path: string) => string][] = [
    ['unchanged', (path) => path],
    ['in absolute form', (path) => `http://other.example${path}`],
    ['with an encoded dot segment', (path) => `/v1/%2e%2e${path}`],
    ['with dot segments', (path) => `/health/live/../..${path}`],
    ['below its own session', (path) => path.replace('sessions/', 'sessions/mine/../')],
    ['with an encoded slash', (path) => path.replace('/v1/', '/v1%2f')],
    ['with a doubled slash', (path) => `/${path}`],
    ['with a doubled slash inside', (path) => path.replace('/v1/', '/v1//')],
    ['with a backslash', (path) => path.replace('/v1/', '/v1\\')],
    ['in upper case', (path) => path.toUpperCase()],
    ['with a letter encoded', (path) => path.replace('sessions', '%73essions')],
    ['encoded twice', (path) => path.replace('sessions', '%2573essions')],
    ['with a slash at its end', (path) => `${path}/`],
    ['with a parameter', (path) => `${path};a=b`],
    ['with a NUL encoded', (path) => `${path}%00`],
    ['with a fragment', (path) => `${path}#/v1/visitors`],
    ['with a query that is encoded', (path) => `${path}%3fa=b`],
  ]

  test.each(ways)(
    'that names a session %s shows it to nobody else, in HTTP 1.1 and 1.0',
    async (_, write) => {
      for (const path of [`/v1/sessions/${sessionId}`, `/v1/sessions/${sessionId}/messages`])
        for (const version of ['1.1', '1.0'])
          for (const token of [stranger.token, undefined]) {
            const line = `GET ${write(path)} HTTP/${version}`
            const credential = token ? [`Authorization: Bearer ${token}`] : []
            const [answer] = await answersTo([line, ...credential])
            expect([400, 401, 404], line).toContain(answer?.status)
            expect(answer?.body).not.toContain('canary')
          }
    },
  )

  test.each(ways)('that names a session %s erases nothing for anybody else', async (_, write) => {
    const line = `DELETE ${write(`/v1/sessions/${sessionId}`)} HTTP/1.1`
    const [answer] = await answersTo([line, `Authorization: Bearer ${stranger.token}`])
    expect([400, 401, 404], line).toContain(answer?.status)
    await owner.expect(200, 'GET', `/v1/sessions/${sessionId}`)
  })
})
