import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/protocol.ts'
import { problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig({
  MODEL_FIRST_TOKEN_TIMEOUT_MS: '1500',
  MODEL_IDLE_TIMEOUT_MS: '1000',
})

/** A turn whose completions go wrong this way; the first of them only, where `times` is 1. */
function faultyTurn(fault: string, times?: number) {
  const directive = `[[fault ${fault}${times === undefined ? '' : ` times=${times}`}]]`
  return { message: `${directive} write 40 words`, message_id: crypto.randomUUID() }
}

async function stored(sessionId: string): Promise<[Message, Message]> {
  const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${sessionId}/messages`)
  expect(data).toHaveLength(2)
  return data
}

/** `[fault, code, status]` */
const withoutText = [
  ['refused', 'model_unavailable', 502],
  ['status=401', 'model_unavailable', 502],
  ['status=500', 'model_unavailable', 502],
  ['status=429 retry-after=7', 'model_rate_limited', 503],
  ['html', 'model_unavailable', 502],
  ['cut after=0', 'model_unavailable', 502],
  ['end after=0', 'model_unavailable', 502],
  ['error-chunk after=0', 'model_unavailable', 502],
  ['nonsense after=0', 'model_unavailable', 502],
  ['empty', 'model_empty_reply', 502],
  ['silent', 'model_timeout', 504],
] as const

describe.each(withoutText)('a model that gives no text (%s)', (fault, code, status) => {
  test('is a problem; the message stays, and the same message_id tries again', async () => {
    const turn = faultyTurn(fault, 1)
    const problem = await problemOf(await visitor.request('POST', '/v1/chat', turn))
    expect(problem).toMatchObject({ code, status, retryable: true, message_id: turn.message_id })
    expect(problem).not.toHaveProperty('reply')
    expect(rig.timeline).toEqual(['database', 'model', 'database'])
    const [message, reply] = await stored(String(problem['session_id']))
    expect(message).toMatchObject({
      id: turn.message_id,
      content: turn.message,
      status: 'complete',
    })
    expect(reply).toMatchObject({ content: '', status: 'failed' })

    const again = await visitor.chat(turn)
    expect(again.reply).toMatchObject({ id: reply.id, seq: 2, status: 'complete' })
    expect(again).not.toHaveProperty('replayed')
    expect(rig.model.requests).toHaveLength(2)
  })

  test('ends a stream with turn.failed', async () => {
    const events = await visitor.stream(faultyTurn(fault))
    expect(events).toMatchObject([
      { event: 'turn.started' },
      {
        event: 'turn.failed',
        data: { code, status, retryable: true, server_timing: expect.any(String) },
      },
    ])
    expect(events[1]?.data).not.toHaveProperty('reply')
    expect(rig.model.requests).toHaveLength(1)
    const [, reply] = await stored(events[0]?.data.session_id)
    expect(reply.status).toBe('failed')
  })
})

const withText = [
  ['cut after=3', 'model_unavailable'],
  ['end after=3', 'model_unavailable'],
  ['error-chunk after=3', 'model_unavailable'],
  ['nonsense after=3', 'model_unavailable'],
  ['no-finish', 'model_unavailable'],
  ['stall after=3', 'model_timeout'],
] as const

describe.each(withText)('a model that breaks off in the middle (%s)', (fault, code) => {
  test('leaves an interrupted reply, which is an answer, and is not asked again', async () => {
    const turn = faultyTurn(fault)
    const { session_id, reply, history } = await visitor.chat(turn)
    expect(reply).toMatchObject({ status: 'interrupted', content: expect.stringMatching(/./) })
    expect(reply).not.toHaveProperty('finish_reason')
    expect(history).toEqual(await stored(session_id))
    expect(await visitor.chat(turn)).toMatchObject({ replayed: true, reply })
    expect(rig.model.requests).toHaveLength(1)
  })

  test('ends a stream with turn.failed and what there is of the reply', async () => {
    const events = await visitor.stream(faultyTurn(fault))
    const text = events.map(({ event, data }) => (event === 'delta' ? data.text : '')).join('')
    const [, reply] = await stored(events[0]?.data.session_id)
    expect(reply).toMatchObject({ status: 'interrupted', content: text })
    expect(text).not.toBe('')
    expect(events.at(-1)).toMatchObject({
      event: 'turn.failed',
      id: text.length,
      data: { code, retryable: false, reply },
    })
    expect(rig.model.requests).toHaveLength(1)
  })
})

describe('a model that is odd but whole', () => {
  test.each([
    'no-usage',
    'empty-deltas',
    'one-chunk',
    'cr-only',
    'split-utf8',
    'surrogates',
    'nul',
    'chunks n=500',
  ])('gives a complete reply, the same as stored and as streamed (%s)', async (fault) => {
    const events = await visitor.stream(faultyTurn(fault))
    const text = events.map(({ event, data }) => (event === 'delta' ? data.text : '')).join('')
    const [, reply] = await stored(events[0]?.data.session_id)
    expect(reply).toMatchObject({ status: 'complete', finish_reason: 'stop', content: text })
    expect(text.isWellFormed() && !text.includes('\0')).toBe(true)
    expect(events.at(-1)).toMatchObject({ event: 'turn.completed', data: { reply } })
    expect('usage' in reply).toBe(fault !== 'no-usage')
  })

  test('is complete with finish_reason length where its limit of tokens ended it', async () => {
    const { reply } = await visitor.chat({ message: 'write 3000 words' })
    expect(reply).toMatchObject({ status: 'complete', finish_reason: 'length' })
    expect(reply.usage?.completion_tokens).toBe(1_024)
  })

  test('is told of as busy for as long as it says', async () => {
    const turn = faultyTurn('status=429 retry-after=7')
    const response = await visitor.request('POST', '/v1/chat', turn)
    expect(response.headers.get('retry-after')).toBe('7')
    expect(await problemOf(response)).toMatchObject({ retry_after: 7 })
  })
})

describe('a model that finds the conversation too long', () => {
  const [longest, shorter] = ['context-length over=0', 'context-length over=0 times=1']
  async function talk(turns: number) {
    const { session_id } = await visitor.chat({ message: 'write 20 words' })
    for (let count = 1; count < turns; count += 1)
      await visitor.chat({ session_id, message: `${count} write 20 words` })
    rig.clear()
    return session_id
  }
  const sizes = () => rig.model.requests.map(({ messages }) => messages.length)

  test('is asked once more with the newest 60 % of it', async () => {
    const session_id = await talk(5)
    const { reply } = await visitor.chat({ ...faultyTurn(shorter), session_id })
    expect(reply.status).toBe('complete')
    const [first = [], second = []] = rig.model.requests.map(({ messages }) => messages)
    expect(first).toHaveLength(12)
    expect([6, 8]).toContain(second.length)
    expect(second).toEqual([first[0], ...first.slice(1 - second.length)])
    expect(rig.timeline).toEqual(['database', 'model', 'model', 'database'])
  })

  test('fails where it finds that too long as well', async () => {
    const session_id = await talk(3)
    const body = { ...faultyTurn(longest), session_id }
    const problem = await problemOf(await visitor.request('POST', '/v1/chat', body))
    expect(problem).toMatchObject({ code: 'model_context_exceeded', status: 502 })
    expect(sizes()).toHaveLength(2)
  })

  test('is asked once only where there is no history to shorten', async () => {
    const body = faultyTurn(longest)
    const problem = await problemOf(await visitor.request('POST', '/v1/chat', body))
    expect(problem.code).toBe('model_context_exceeded')
    expect(sizes()).toHaveLength(1)
  })
})

test('a failed turn is out of the next window, an interrupted one is in it', async () => {
  const { session_id, reply } = await visitor.chat(faultyTurn('end after=3'))
  await visitor.request('POST', '/v1/chat', { ...faultyTurn('status=500'), session_id })
  await visitor.chat({ session_id, message: 'And now?' })
  expect(rig.model.requests.at(-1)?.messages.slice(1)).toMatchObject([
    { role: 'user' },
    { role: 'assistant', content: reply.content },
    { role: 'user', content: 'And now?' },
  ])
})
