import { afterAll, describe, expect, inject, test, vi } from 'vitest'
import { type Echo, type EchoingModel, startEchoingModel } from '../fakes/echoing-model.ts'
import { createClient } from '../rigs/client.ts'
import { useRig } from '../rigs/start-rig.ts'

let echoing: EchoingModel
const { rig, visitor } = useRig(async () => {
  echoing = await startEchoingModel()
  return {
    OPENAI_BASE_URL: echoing.baseUrl,
    OPENAI_API_KEY: 'sk-canary-key',
    SYSTEM_PROMPT: 'canary-prompt',
    ADMIN_TOKEN: 'canary-of-the-owner-of-32-characters',
    AUTH_JWT_SECRET: 'canary-of-the-login-of-32-characters',
    AUTH_ISSUER: 'https://canary-issuer.example',
    AUTH_AUDIENCE: 'canary-audience',
    ALLOWED_ORIGINS: 'https://canary-site.example',
  }
})
afterAll(() => echoing.close())

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

/** The lines of the log, once there are so many. Each must be JSON. */
async function logLines(count: number): Promise<LogLine[]> {
  await vi.waitUntil(() => rig.logs().length >= count, { timeout: 5_000 })
  return rig.logs().map((line) => JSON.parse(line))
}

function expectNoSecret(text: string) {
  const { password } = new URL(inject('database').connectionString)
  expect(text).not.toMatch(/canary/)
  expect(text).not.toContain(visitor.token)
  expect(text).not.toContain(`:${password}@`)
}

describe('the log', () => {
  test('has one line of JSON per request, with only ids, codes, sizes and times', async () => {
    const query = `access_token=${visitor.token}&q=${secret}`
    const bytesOf = async (response: Promise<Response>) =>
      (await (await response).arrayBuffer()).byteLength
    const body = { [secret]: secret }
    const refused = await bytesOf(visitor.request('GET', `/v1/sessions?${query}`))
    const alive = await bytesOf(visitor.request('GET', '/health/live'))
    const told = await bytesOf(visitor.request('POST', '/v1/chat', body))
    const lines = await logLines(3)
    expect(lines).toEqual([
      {
        request_id: expect.any(String),
        method: 'GET',
        route: '/v1/sessions',
        status: 400,
        ms: expect.any(Number),
        response_bytes: refused,
        code: 'invalid_request',
        fault: { name: 'Problem', code: 'invalid_request', status: 400 },
      },
      expect.objectContaining({ route: '/health/live', status: 200, response_bytes: alive }),
      expect.objectContaining({
        route: '/v1/chat',
        status: 400,
        request_bytes: JSON.stringify(body).length,
        response_bytes: told,
      }),
    ])
    expectNoSecret(JSON.stringify(lines))
  })

  test('has a line for each refused request, and nothing of what was sent', async () => {
    const listing = '/v1/sessions'
    const claims = Buffer.from(JSON.stringify({ sub: secret })).toString('base64url')
    const jwt = `eyJhbGciOiJub25lIn0.${claims}.${'c'.repeat(43)}`
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
    const odd = { cookie: secret, referer: `https://${secret}.example/`, 'user-agent': secret }
    const requests: [
      code: string,
      method: string,
      path: string,
      Record<string, string>,
      unknown?,
    ][] = [
      ['origin_not_allowed', 'POST', '/v1/chat', { origin: `https://${secret}.example` }, turn()],
      ['origin_not_allowed', 'GET', `/v1/${secret}?${secret}`, { origin: secret }],
      ['unauthorized', 'GET', listing, bearer(secret)],
      ['unauthorized', 'GET', listing, bearer(jwt)],
      ['unauthorized', 'GET', listing, { authorization: `Basic ${secret}` }],
      ['unauthorized', 'GET', '/v1/admin/sessions', bearer(secret)],
      ['not_found', 'GET', `/v1/${secret}/${visitor.token}?${secret}=${secret}`, odd],
      ['not_found', 'GET', `/v1/sessions/${secret}`, odd],
      ['not_found', 'GET', `/${secret}`, odd],
      ['invalid_request', 'GET', `${listing}?cursor=${secret}`, odd],
      ['invalid_request', 'POST', '/v1/chat', odd, secret],
      ['invalid_request', 'POST', '/v1/chat', odd, { ...turn(), [secret]: secret }],
      ['unsupported_media_type', 'POST', '/v1/chat', { 'content-type': secret }, secret],
      ['body_too_large', 'POST', '/v1/chat', odd, secret.repeat(20_000)],
    ]
    for (const [code, method, path, headers, body] of requests) {
      const response = await visitor.request(method, path, body, headers)
      expect(await response.text(), `${method} ${path}`).toContain(`"code":"${code}"`)
    }
    const lines = await logLines(requests.length)
    expect(lines.map(({ code }) => code)).toEqual(requests.map(([code]) => code))
    expectNoSecret(JSON.stringify(lines))
    expect(JSON.stringify(lines)).not.toContain(claims)
  })

  test('has no size for a stream, since it is unknown when the line is written', async () => {
    await visitor.stream({ message: 'Hello' }).catch(() => {})
    const [line] = await logLines(1)
    expect(line).toMatchObject({ route: '/v1/chat', status: 200, request_bytes: 19 })
    expect(line).not.toHaveProperty('response_bytes')
  })
})

const echoes: Echo[] = ['error', 'error code', 'error chunk', 'nonsense', 'html']

describe.each(echoes)('if the model answers with everything it was sent (%s)', (echo) => {
  test.each(['application/json', 'text/event-stream'])(
    'neither the log nor the answer repeats it (%s)',
    async (accept) => {
      echoing.echo = echo
      const response = await visitor.request('POST', '/v1/chat', turn(), { accept })
      const answer = await response.text()
      expect(answer).toContain('"code":"model_unavailable"')
      const isStream = accept === 'text/event-stream'
      // The event turn.started returns the message to its sender.
      expectNoSecret(isStream ? (answer.split('event: turn.failed')[1] ?? '') : answer)
      // One line for the request, and one for the failed turn.
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

describe('if the database answers with everything it was sent', () => {
  test('neither the log nor the answer repeats it', async () => {
    rig.database.fault = () => 'repeats everything'
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

  test('a token is sent once, to its owner, and never logged', async () => {
    const anybody = createClient(rig.url)
    const { visitor_token: token } = await anybody.expect(201, 'POST', '/v1/sessions', {})
    await createClient(rig.url, token).expect(200, 'GET', '/v1/sessions')
    await createClient(rig.url, `${token}x`).expect(401, 'GET', '/v1/sessions')
    const lines = await logLines(3)
    expect(JSON.stringify(lines)).not.toContain(token.slice('vst_'.length))
  })
})
