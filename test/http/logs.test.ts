import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { type Client, createClient, newVisitor } from '../helpers/client.ts'
import { type Echo, type EchoingModel, startEchoingModel } from '../helpers/echoing-model.ts'
import { startWorker, type TestWorker } from '../helpers/start-worker.ts'

let echoing: EchoingModel
let worker: TestWorker
let visitor: Client
beforeAll(async () => {
  echoing = await startEchoingModel()
  worker = await startWorker({
    vars: {
      OPENAI_BASE_URL: echoing.baseUrl,
      OPENAI_API_KEY: 'sk-canary-key',
      SYSTEM_PROMPT: 'canary-prompt',
    },
  })
  visitor = await newVisitor(worker.url)
})
beforeEach(() => worker.clear())
afterAll(async () => {
  await worker.close()
  await echoing.close()
})

const secret = 'canary-text'
const turn = () => ({
  message: secret,
  context_text: secret,
  metadata: { [secret]: secret },
  message_id: crypto.randomUUID(),
})

interface LogLine {
  request_id: string
  [member: string]: unknown
}

/** Every line of the log, which must be JSON, once there are as many. */
async function logLines(count: number): Promise<LogLine[]> {
  await vi.waitUntil(() => worker.logs().length >= count, { timeout: 5_000 })
  return worker.logs().map((line) => JSON.parse(line))
}

function expectNoSecret(text: string) {
  const { password } = new URL(inject('database').connectionString)
  expect(text).not.toMatch(/canary/)
  expect(text).not.toContain(visitor.token)
  expect(text).not.toContain(`:${password}@`)
}

describe('the log', () => {
  test('has one line of JSON a request, with ids, codes and times alone', async () => {
    const query = `access_token=${visitor.token}&q=${secret}`
    await visitor.request('GET', `/v1/sessions?${query}`)
    await visitor.request('GET', '/health/live')
    await visitor.request('POST', '/v1/chat', { [secret]: secret })
    const lines = await logLines(3)
    expect(lines).toEqual([
      {
        request_id: expect.any(String),
        method: 'GET',
        route: '/v1/sessions',
        status: 400,
        ms: expect.any(Number),
        code: 'invalid_request',
        fault: { name: 'Problem', code: 'invalid_request', status: 400 },
      },
      expect.objectContaining({ route: '/health/live', status: 200 }),
      expect.objectContaining({ route: '/v1/chat', status: 400 }),
    ])
    expectNoSecret(JSON.stringify(lines))
  })
})

const echoes: Echo[] = ['error', 'error code', 'error chunk', 'nonsense', 'html']

describe.each(echoes)('where the model answers with everything it was sent (%s)', (echo) => {
  test.each(['application/json', 'text/event-stream'])(
    'neither the log nor the answer repeats it (%s)',
    async (accept) => {
      echoing.echo = echo
      const response = await visitor.request('POST', '/v1/chat', turn(), { accept })
      const answer = await response.text()
      expect(answer).toContain('"code":"model_unavailable"')
      const isStream = accept === 'text/event-stream'
      // The message itself is told back to its sender by turn.started.
      expectNoSecret(isStream ? (answer.split('event: turn.failed')[1] ?? '') : answer)
      // The request's line, and the one that says why its turn failed.
      const lines = await logLines(2)
      expect(lines).toHaveLength(2)
      expect(new Set(lines.map(({ request_id }) => request_id)).size).toBe(1)
      expect(lines).toContainEqual(
        expect.objectContaining({ code: 'model_unavailable', reply_id: expect.any(String) }),
      )
      expectNoSecret(JSON.stringify(lines))
    },
  )
})

describe('where the database answers with everything it was sent', () => {
  test('neither the log nor the answer repeats it', async () => {
    worker.database.fault = () => 'repeats everything'
    const path = `/v1/sessions/${crypto.randomUUID()}`
    const requests: [string, string, unknown?][] = [
      ['POST', '/v1/chat', turn()],
      ['POST', '/v1/sessions', { title: secret }],
      ['PATCH', path, { metadata: { [secret]: secret } }],
      ['GET', path],
      ['DELETE', path],
    ]
    for (const [method, where, body] of requests) {
      const response = await visitor.request(method, where, body)
      const answer = await response.text()
      expect(response.status, answer).toBe(500)
      expect(JSON.parse(answer)).toEqual({
        code: 'internal_error',
        status: 500,
        title: 'Something went wrong',
        request_id: expect.any(String),
      })
    }
    const lines = await logLines(requests.length)
    expect(lines[0]).toMatchObject({ fault: { name: 'NeonDbError', code: 'XX000' } })
    expectNoSecret(JSON.stringify(lines))
  })

  test('a token is told once, to its owner, and logged never', async () => {
    const anybody = createClient(worker.url)
    const { visitor_token: token } = await anybody.expect(201, 'POST', '/v1/sessions', {})
    await createClient(worker.url, token).expect(200, 'GET', '/v1/sessions')
    await createClient(worker.url, `${token}x`).expect(401, 'GET', '/v1/sessions')
    const lines = await logLines(3)
    expect(JSON.stringify(lines)).not.toContain(token.slice('vst_'.length))
  })
})
