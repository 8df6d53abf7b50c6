import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/protocol.ts'
import { problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'

/** A loaded machine may answer late, and a repeat would be counted. */
const patient = useRig({ DATABASE_TIMEOUT_MS: '30000' })
/** For faults that only a deadline ends. */
const hasty = useRig({ MODEL_FIRST_TOKEN_TIMEOUT_MS: '1500', MODEL_IDLE_TIMEOUT_MS: '500' })
const rigFor = (fault: string) => (/^(silent|stall)/.test(fault) ? hasty : patient)

/** A message whose completions go wrong in this way; only the first of them if `times` is 1. */
function faultyMessage(fault: string, times?: number) {
  const directive = `[[fault ${fault}${times === undefined ? '' : ` times=${times}`}]]`
  return { message: `${directive} write 40 words`, message_id: crypto.randomUUID() }
}

interface Place {
  turn: string
  /** How many turns the session had before. Without any, the window is empty, and no second call can be made. */
  before: number
}

/** A faulty turn in its place of a session. */
async function faultyTurn({ before }: Place, fault: string, times?: number) {
  const { rig, visitor } = rigFor(fault)
  const ids: { session_id?: string } = {}
  for (let count = 0; count < before; count += 1) {
    const { session_id } = await visitor.chat({ ...ids, message: `Turn ${count}: write 10 words` })
    ids.session_id = session_id
  }
  rig.clear()
  return { ...faultyMessage(fault, times), ...ids }
}

/** The message and the reply of the last turn. */
async function stored(
  { visitor }: typeof patient,
  { before }: Place,
  sessionId: string,
): Promise<[Message, Message]> {
  const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${sessionId}/messages`)
  expect(data).toHaveLength(2 * before + 2)
  return data.slice(-2)
}

/** The model was called so often for this turn, each time with the same window. */
function expectCalls({ rig }: typeof patient, { before }: Place, count: number) {
  const sizes = rig.model.requests.map(({ messages }) => messages.length)
  expect(sizes).toEqual(Array.from({ length: count }, () => 2 * before + 2))
}

/** `[fault, code, status]` */
const withoutText = [
  ['refused', 'model_unavailable', 502],
  ['status=401', 'model_unavailable', 502],
  ['status=408', 'model_unavailable', 502],
  ['status=409', 'model_unavailable', 502],
  ['finish reason=error after=0', 'model_unavailable', 502],
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

/** `[fault, code]` */
const withText = [
  ['cut after=3', 'model_unavailable'],
  ['end after=3', 'model_unavailable'],
  ['error-chunk after=3', 'model_unavailable'],
  ['nonsense after=3', 'model_unavailable'],
  ['no-finish', 'model_unavailable'],
  ['finish reason=error', 'model_unavailable'],
  ['finish reason=network_error', 'model_unavailable'],
  ['stall after=3', 'model_timeout'],
] as const

describe.each<Place>([
  { turn: 'first', before: 0 },
  { turn: 'later', before: 3 },
])('in a $turn turn', (place) => {
  describe.each(withoutText)('a model that gives no text (%s)', (fault, code, status) => {
    const on = rigFor(fault)
    const { rig, visitor } = on
    test('is called once and causes a problem; the message stays, and the same message_id tries again', async () => {
      const turn = await faultyTurn(place, fault, 1)
      const problem = await problemOf(await visitor.request('POST', '/v1/chat', turn))
      expect(problem).toMatchObject({ code, status, retryable: true, message_id: turn.message_id })
      expect(problem).not.toHaveProperty('reply')
      expect(rig.timeline).toEqual(['database', 'model', 'database'])
      const [message, reply] = await stored(on, place, String(problem['session_id']))
      expect(message).toMatchObject({
        id: turn.message_id,
        content: turn.message,
        status: 'complete',
      })
      expect(reply).toMatchObject({ content: '', status: 'failed' })

      const again = await visitor.chat(turn)
      expect(again.reply).toMatchObject({ id: reply.id, seq: reply.seq, status: 'complete' })
      expect(again).not.toHaveProperty('replayed')
      expectCalls(on, place, 2)
    })

    test('is called once, and the stream ends with turn.failed', async () => {
      const events = await visitor.stream(await faultyTurn(place, fault))
      expect(events).toMatchObject([
        { event: 'turn.started' },
        {
          event: 'turn.failed',
          data: { code, status, retryable: true, server_timing: expect.any(String) },
        },
      ])
      expect(events[1]?.data).not.toHaveProperty('reply')
      expectCalls(on, place, 1)
      const [, reply] = await stored(on, place, events[0]?.data.session_id)
      expect(reply.status).toBe('failed')
    })
  })

  describe.each(withText)('a model that breaks off in the middle (%s)', (fault, code) => {
    const on = rigFor(fault)
    const { visitor } = on
    test('leaves an interrupted reply, which is an answer, and is not called again', async () => {
      const turn = await faultyTurn(place, fault)
      const { session_id, reply, history } = await visitor.chat(turn)
      expect(reply).toMatchObject({ status: 'interrupted', content: expect.stringMatching(/./) })
      expect(reply).not.toHaveProperty('finish_reason')
      expect(history.slice(-2)).toEqual(await stored(on, place, session_id))
      expect(await visitor.chat(turn)).toMatchObject({ replayed: true, reply })
      expectCalls(on, place, 1)
    })

    test('is called once, and the stream ends with turn.failed and the text so far', async () => {
      const events = await visitor.stream(await faultyTurn(place, fault))
      const text = events.map(({ event, data }) => (event === 'delta' ? data.text : '')).join('')
      const [, reply] = await stored(on, place, events[0]?.data.session_id)
      expect(reply).toMatchObject({ status: 'interrupted', content: text })
      expect(text).not.toBe('')
      expect(events.at(-1)).toMatchObject({
        event: 'turn.failed',
        id: text.length,
        data: { code, retryable: false, reply },
      })
      expectCalls(on, place, 1)
    })
  })
})

test('a failed turn is out of the next window, an interrupted one is in it', async () => {
  const { rig, visitor } = patient
  const { session_id, reply } = await visitor.chat(faultyMessage('end after=3'))
  await visitor.request('POST', '/v1/chat', { ...faultyMessage('status=500'), session_id })
  await visitor.chat({ session_id, message: 'And now?' })
  expect(rig.model.requests.at(-1)?.messages.slice(1)).toMatchObject([
    { role: 'user' },
    { role: 'assistant', content: reply.content },
    { role: 'user', content: 'And now?' },
  ])
})
