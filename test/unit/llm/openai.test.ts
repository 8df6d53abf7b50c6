import type http from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../../scripts/dev/offline-model.ts'
import { createDeps } from '../../../src/deps.ts'
import { complete, failure, modelOf, neverAborted, withModelServer } from '../../rigs/completion.ts'

let server: OfflineModel
beforeAll(async () => {
  server = await startOfflineModel()
})
beforeEach(() => server.clear())
afterAll(() => server.close())

const logs = (['debug', 'info', 'log', 'warn', 'error'] as const).map((level) =>
  vi.spyOn(console, level),
)
beforeEach(() => logs.forEach((log) => log.mockClear()))

const events =
  (...data: unknown[]) =>
  (response: http.ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const item of data) response.write(`data: ${JSON.stringify(item)}\n\n`)
    response.end('data: [DONE]\n\n')
  }
const delta = (content: unknown) => ({ choices: [{ index: 0, delta: { content } }] })

describe('a completion', () => {
  test('is text, a finish reason and usage', async () => {
    const completion = await complete(modelOf(server.baseUrl), 'write 5 words')
    expect(completion).toEqual({
      text: expect.stringMatching(/^\S+( \S+){4}$/),
      finishReason: 'stop',
      usage: {
        promptTokens: expect.any(Number),
        completionTokens: expect.any(Number),
        reasoningTokens: 0,
        cachedTokens: 0,
      },
    })
  })

  test('is requested with the settings, and with nothing else', async () => {
    await complete(modelOf(server.baseUrl), 'Hello')
    expect(server.requests).toMatchObject([
      {
        path: '/v1/chat/completions',
        headers: { authorization: 'Bearer sk-canary' },
      },
    ])
    expect(server.requests[0]?.body).toEqual({
      model: 'some-model',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      stream_options: { include_usage: true },
      max_completion_tokens: 500,
    })
  })

  test('names its limit max_tokens and requests no usage if the settings say so', async () => {
    const model = modelOf(server.baseUrl, { maxTokensField: 'max_tokens', streamUsage: false })
    const completion = await complete(model, 'Hello')
    expect(server.requests[0]?.body).toEqual({
      model: 'some-model',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      max_tokens: 500,
    })
    expect(completion).toMatchObject({ finishReason: 'stop', usage: undefined })
  })

  test('is requested as the settings of the Worker say', async () => {
    const { model } = createDeps({
      DATABASE_URL: 'postgres://user:password@127.0.0.1/db',
      OPENAI_BASE_URL: `${server.baseUrl}/`,
      OPENAI_MODEL: 'llama3.2',
      OPENAI_MAX_TOKENS_FIELD: 'max_tokens',
      OPENAI_STREAM_USAGE: 'false',
      MAX_COMPLETION_TOKENS: '77',
    })
    await complete(model, 'Hello')
    expect(server.requests[0]?.path).toBe('/v1/chat/completions')
    expect(server.requests[0]?.body).toEqual({
      model: 'llama3.2',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      max_tokens: 77,
    })
  })

  test('names the conversation to the provider only if it has a key', async () => {
    const model = modelOf(server.baseUrl)
    const cacheKeys = ['a-key', undefined]
    for (const cacheKey of cacheKeys) {
      const reply = model([{ role: 'user', content: 'Hello' }], {
        signal: neverAborted(),
        cacheKey,
      })
      for await (const _ of reply);
    }
    const bodies = server.requests.map(({ body }) => body as object)
    expect(bodies[0]).toEqual({ ...bodies[1], prompt_cache_key: 'a-key' })
    expect(bodies[1]).not.toHaveProperty('prompt_cache_key')
  })

  test('ignores values of the wrong type', async () => {
    const odd = [
      {},
      { choices: null },
      { choices: [] },
      { choices: [{ delta: null, finish_reason: null }] },
      { choices: [{ delta: { content: 5 } }] },
      { choices: [{ delta: { content: [5, null, { type: 'x', text: 'x' }] }, finish_reason: {} }] },
      { choices: [{ delta: 'x', message: 'x' }, 'x'] },
      { choices: [{ delta: { content: 'Hello' }, finish_reason: '' }] },
      { usage: { prompt_tokens: -1, completion_tokens: 2 } },
      { usage: { prompt_tokens: '1', completion_tokens: 2 } },
      { usage: { prompt_tokens: 1.5, completion_tokens: 1e12 } },
      { usage: null },
      { choices: [{ finish_reason: 'stop' }] },
    ]
    const completion = await withModelServer(events(...odd), (baseUrl) =>
      complete(modelOf(baseUrl), 'a'),
    )
    expect(completion).toEqual({ text: 'Hello', finishReason: 'stop', usage: undefined })
  })

  test.each([
    'data: null',
    'data:',
    'data: 7',
    'data: []',
    'data: : OPENROUTER PROCESSING',
    'data: ping',
    'data: {}',
    ': keep-alive',
    'event: ping\ndata: {}',
  ])('goes on after a frame that holds no chunk: %s', async (frame) => {
    const send = (response: http.ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const word of ['Hel', 'lo'])
        response.write(`${frame}\n\ndata: ${JSON.stringify(delta(word))}\n\n${frame}\n\n`)
      response.end(`data: {"choices":[{"finish_reason":"stop"}]}\n\n${frame}\n\ndata: [DONE]\n\n`)
    }
    const completion = await withModelServer(send, (baseUrl) => complete(modelOf(baseUrl), 'a'))
    expect(completion).toMatchObject({ text: 'Hello', finishReason: 'stop' })
  })

  test('shows a refusal as its text, and never counts more reasoning than tokens', async () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2 }
    const answer = events(
      { choices: [{ delta: { refusal: 'No.' }, finish_reason: 'stop' }] },
      { choices: [], usage: { ...usage, completion_tokens_details: { reasoning_tokens: 9 } } },
    )
    const completion = await withModelServer(answer, (baseUrl) => complete(modelOf(baseUrl), 'a'))
    expect(completion).toEqual({
      text: 'No.',
      finishReason: 'stop',
      usage: { promptTokens: 1, completionTokens: 2, reasoningTokens: 2 },
    })
  })
})

describe('a failure', () => {
  test.each([
    ['refused', 'model_unavailable'],
    ['status=401', 'model_unavailable'],
    ['status=408', 'model_unavailable'],
    ['status=409', 'model_unavailable'],
    ['status=500', 'model_unavailable'],
    ['status=429', 'model_rate_limited'],
    ['cut after=2', 'model_unavailable'],
    ['nonsense after=2', 'model_unavailable'],
    ['end after=2', 'model_unavailable'],
    ['error-chunk after=2', 'model_unavailable'],
    ['context-length', 'model_context_exceeded'],
  ])('costs one call, and has its code: %s', async (fault, code) => {
    expect((await failure(modelOf(server.baseUrl), `[[fault ${fault}]] write 9 words`)).code).toBe(
      code,
    )
    expect(server.requests).toHaveLength(1)
  })

  test('is reported if nobody listens', async () => {
    const model = modelOf('http://127.0.0.1:1/v1')
    const { code, options } = await failure(model, 'Hello')
    expect([code, options.isUnspent]).toEqual(['model_unavailable', true])
  })

  test.each([
    ['refused', true],
    ['status=401', true],
    ['status=500', true],
    ['status=429', true],
    ['context-length', true],
    ['cut after=0', false],
    ['cut after=2', false],
    ['error-chunk after=0', false],
    ['nonsense after=0', false],
  ])('is paid for if the model may have worked: %s', async (fault, isUnspent) => {
    const message = `[[fault ${fault}]] write 9 words`
    const { options } = await failure(modelOf(server.baseUrl), message)
    expect(options.isUnspent ?? false).toBe(isUnspent)
  })

  test.each([
    ['7', 7],
    ['0', 1],
    ['-5', 1],
    ['1.2', 2],
    ['99999', 3_600],
    ['soon', 5],
    ['', 5],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 1],
    ['Thu, 01 Jan 2099 00:00:00 GMT', 3_600],
  ])(
    'of a busy model has a time to retry, from Retry-After "%s": %i s',
    async (header, seconds) => {
      const answer = (response: http.ServerResponse) =>
        response.writeHead(429, header ? { 'retry-after': header } : {}).end('{}')
      const problem = await withModelServer(answer, (baseUrl) => failure(modelOf(baseUrl), 'Hello'))
      expect(problem.code).toBe('model_rate_limited')
      expect(problem.options.retryAfterSeconds).toBe(seconds)
    },
  )

  test('of a conversation that is too long is not reported as such once there is text', async () => {
    const error = { error: { message: 'too long', code: 'context_length_exceeded' } }
    const answer = events(delta('Hello'), error)
    const problem = await withModelServer(answer, (baseUrl) => failure(modelOf(baseUrl), 'Hello'))
    expect(problem.code).toBe('model_unavailable')
  })

  test('has a hint that names the setting of a field that the server refuses', async () => {
    const answer = (response: http.ServerResponse) =>
      response
        .writeHead(400)
        .end(JSON.stringify({ error: { message: "property 'stream_options' is unsupported" } }))
    const { options } = await withModelServer(answer, (baseUrl) =>
      failure(modelOf(baseUrl), 'Hello'),
    )
    expect(options.hint).toBe(
      'the model server answered 400: the server refuses stream_options, so set OPENAI_STREAM_USAGE=false',
    )
  })

  test('writes nothing to the log, whatever the model sent', async () => {
    await failure(modelOf(server.baseUrl), '[[fault nonsense]] write 9 words')
    await failure(modelOf(server.baseUrl), '[[fault error-chunk]] write 9 words')
    await failure(modelOf(server.baseUrl), '[[fault status=500]] write 9 words')
    for (const log of logs) expect(log).not.toHaveBeenCalled()
  })
})
