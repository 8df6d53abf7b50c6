import type http from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../../scripts/dev/offline-model.ts'
import { Problem } from '../../../src/errors.ts'
import { failure, modelOf, neverAborted, withModelServer } from '../../rigs/completion.ts'

let server: OfflineModel
beforeAll(async () => {
  server = await startOfflineModel()
})
beforeEach(() => server.clear())
afterAll(() => server.close())

const delta = (content: unknown) => ({ choices: [{ index: 0, delta: { content } }] })

describe('a deadline', () => {
  test.each([
    ['the first token', { firstTokenTimeoutMs: 500 }, 'silent', 'did not begin in time'],
    [
      'the first token, headers or not',
      { firstTokenTimeoutMs: 500 },
      'stall after=0',
      'did not begin in time',
    ],
    ['the next token', { idleTimeoutMs: 100 }, 'stall after=2', 'stalled'],
    ['the whole, though it never pauses', { timeoutMs: 400 }, 'pace ms=20', 'took too long'],
  ])('for %s ends the call', async (_, timeouts, fault, reason) => {
    const problem = await failure(
      modelOf(server.baseUrl, timeouts),
      `[[fault ${fault}]] write 900 words`,
    )
    expect(problem).toMatchObject({ code: 'model_timeout', message: `The reply ${reason}` })
    await vi.waitFor(() => expect(server.requests).toMatchObject([{ aborted: true }]), 10_000)
  })

  test('for the first token is not met by empty chunks', async () => {
    const answer = (response: http.ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write(`data: ${JSON.stringify(delta(''))}\n\n`), 20)
      response.on('close', () => clearInterval(timer))
    }
    const problem = await withModelServer(answer, (baseUrl) =>
      failure(modelOf(baseUrl, { firstTokenTimeoutMs: 200, idleTimeoutMs: 100 }), 'Hello'),
    )
    expect(problem).toMatchObject({ message: 'The reply did not begin in time' })
  })
})

describe('an abort', () => {
  test('in mid-stream ends the call with its reason, not silently', async () => {
    const stop = new AbortController()
    const completion = modelOf(server.baseUrl)(
      [{ role: 'user', content: '[[fault pace ms=20]] write 900 words' }],
      { signal: stop.signal },
    )
    const reading = (async () => {
      for await (const { text } of completion) if (text) stop.abort(new Problem('stopped'))
    })()
    await expect(reading).rejects.toMatchObject({ code: 'stopped' })
    await vi.waitFor(() => expect(server.requests).toMatchObject([{ aborted: true }]), 10_000)
  })

  test('before the call makes none', async () => {
    const signal = AbortSignal.abort(new Problem('stopped'))
    expect((await failure(modelOf(server.baseUrl), 'Hello', signal)).code).toBe('stopped')
    expect(server.requests).toEqual([])
  })

  test('by a reader that stops ends the call', async () => {
    const completion = modelOf(server.baseUrl)(
      [{ role: 'user', content: '[[fault pace ms=20]] write 900 words' }],
      { signal: neverAborted() },
    )
    for await (const { text } of completion) if (text) break
    await vi.waitFor(() => expect(server.requests).toMatchObject([{ aborted: true }]), 10_000)
  })
})
