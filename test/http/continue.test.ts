import { afterAll, describe, expect, test, vi } from 'vitest'
import { continueRequest } from '../../src/turn/continue/request.ts'
import { countTokens } from '../../src/turn/tokens/token-count.ts'
import {
  delta,
  done,
  event,
  finished,
  type ScriptedModel,
  startScriptedModel,
} from '../fakes/scripted-model.ts'
import { type Client, parseEvents, type ServerEvent } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()
const { rig, visitor } = useRig({ MODEL_IDLE_TIMEOUT_MS: '2000' })

const poem = 'The river is quiet in the morning, and the reeds stand still until the wind comes up.'
const soFar = 'The river is quiet in'
const quoted = (text: string) => `[[reply ${JSON.stringify(text)}]]`

/** A turn whose reply broke off, and the request to continue it. */
async function cutOff(
  directives = '[[fault cut after=5]]',
  reply = poem,
  client: Client = visitor,
) {
  const message = `${directives} ${quoted(reply)}`
  const turn = { message, message_id: crypto.randomUUID() }
  const { session_id, reply: cut } = await client.chat(turn)
  const again = { ...turn, session_id }
  return { again, cut, request: { ...again, continue: cut.id } }
}

/** The text of a stream that goes on with a text, by the rule for clients. */
function textOf(events: readonly ServerEvent[], known = ''): string {
  return events
    .filter(({ event: name }) => name === 'delta')
    .reduce((text, { id, data }) => text.slice(0, id - data.text.length) + data.text, known)
}

async function streamFrom(body: object, place: number) {
  const headers = { accept: 'text/event-stream', 'last-event-id': `${place}` }
  const response = await visitor.request('POST', '/v1/chat', body, headers)
  return parseEvents(await response.text())
}

async function usedToday() {
  return (await visitor.expect(200, 'GET', '/v1/usage')).tokens_used as number
}

describe('a reply that broke off', () => {
  test('is continued in its place', async () => {
    const { cut, request } = await cutOff()
    expect(cut).toMatchObject({ status: 'interrupted', content: soFar })
    const { reply, history, ...response } = await visitor.chat(request)
    expect(reply).toMatchObject({
      id: cut.id,
      seq: 2,
      content: poem,
      status: 'complete',
      finish_reason: 'stop',
    })
    expect(reply.created_at).toBe(cut.created_at)
    expect(response).not.toHaveProperty('replayed')
    expect(history).toEqual([expect.objectContaining({ seq: 1 }), reply])
  })

  test('is sent with its text so far and the request to go on', async () => {
    const { request } = await cutOff()
    await visitor.chat(request)
    const [first = [], second = []] = rig.model.requests.map(({ messages }) => messages)
    expect(second).toEqual([
      ...first,
      { role: 'assistant', content: soFar },
      { role: 'user', content: continueRequest },
    ])
  })

  test('takes two calls to the database and one to the model', async () => {
    const { request } = await cutOff()
    rig.clear()
    await visitor.chat(request)
    expect(rig.timeline).toEqual(['database', 'model', 'database'])
  })

  test('is continued as often as it ends at its limit', async () => {
    const { cut, request } = await cutOff(
      '[[fault finish after=5]] [[fault finish after=4 in=continue times=2]]',
    )
    const texts = [cut.content]
    for (const reason of ['length', 'length', 'stop']) {
      const { reply } = await visitor.chat(request)
      expect(reply).toMatchObject({ id: cut.id, status: 'complete', finish_reason: reason })
      expect(reply.content.startsWith(texts.at(-1)!)).toBe(true)
      texts.push(reply.content)
    }
    expect(new Set(texts).size).toBe(4)
    expect(texts.at(-1)).toBe(poem)
  })

  test('is streamed on from the place that the client knows', async () => {
    const { cut, request } = await cutOff()
    const events = await streamFrom(request, soFar.length)
    expect(events[0]).toMatchObject({
      event: 'turn.started',
      data: { reply_id: cut.id },
      id: soFar.length,
    })
    expect(events[1]).toMatchObject({
      event: 'delta',
      data: { text: ' the' },
      id: soFar.length + 4,
    })
    expect(textOf(events, soFar)).toBe(poem)
    expect(events.at(-1)).toMatchObject({ event: 'turn.completed', id: poem.length })
  })

  test('is refused with a place that is no number, by its name', async () => {
    const { request } = await cutOff()
    const headers = { 'last-event-id': 'abc' }
    const problem = await problemOf(await visitor.request('POST', '/v1/chat', request, headers))
    expect(problem).toMatchObject({ status: 400, errors: [{ field: 'last-event-id' }] })
  })

  test('is streamed anew to a client that knows more than was stored', async () => {
    const { request } = await cutOff()
    const events = await streamFrom(request, soFar.length + 9)
    expect(textOf(events, `${soFar} the wind`)).toBe(poem)
  })
})

describe('a request that is sent twice', () => {
  test('is refused while the first one runs, and is a replay after it', async () => {
    const { request } = await cutOff('[[fault cut after=5]] [[fault pace ms=50]]')
    rig.clear()
    const first = visitor.chat(request)
    await vi.waitUntil(() => rig.model.requests.length > 0, 10_000)
    const second = await visitor.request('POST', '/v1/chat', request)
    expect(await problemOf(second)).toMatchObject({ status: 409, code: 'turn_running' })
    const { reply } = await first
    expect(await visitor.chat(request)).toMatchObject({ replayed: true, reply })
    expect(rig.model.requests).toHaveLength(1)
  })

  test('is a replay also of a text that broke off again, if the client tells what it knows', async () => {
    const { request } = await cutOff('[[fault cut after=5]] [[fault cut after=4 in=continue]]')
    const once = await streamFrom(request, soFar.length)
    expect(once.at(-1)).toMatchObject({
      event: 'turn.failed',
      data: { reply: { status: 'interrupted' } },
    })
    rig.clear()
    const twice = await streamFrom(request, soFar.length)
    expect(twice[0]).toMatchObject({ data: { replayed: true } })
    expect(textOf(twice, soFar)).toBe(textOf(once, soFar))
    expect(rig.model.requests).toHaveLength(0)
  })
})

describe('a continuation without new text takes nothing away', () => {
  test.each([
    ['fails', '[[fault status in=continue]]', 'model_unavailable'],
    ['is empty', '[[fault empty in=continue]]', 'model_empty_reply'],
    [
      'only says the last words again',
      '[[fault one-chunk in=continue]] [[fault cut after=0 in=continue]]',
      'model_unavailable',
    ],
  ])('if the model %s', async (_name, fault, code) => {
    for (const ending of ['[[fault cut after=5]]', '[[fault finish after=5]]']) {
      const { cut, request } = await cutOff(`${ending} ${fault}`)
      const events = await visitor.stream(request)
      const { usage: _usage, ...before } = cut
      expect(events.at(-1)).toMatchObject({ event: 'turn.failed', data: { code, reply: before } })
      const path = `/v1/sessions/${request.session_id}/messages`
      const { data } = await visitor.expect(200, 'GET', path)
      expect(data[1]).toMatchObject(before)
      expect('finish_reason' in data[1]).toBe('finish_reason' in cut)
    }
  })

  test('and can be asked for again', async () => {
    const { request } = await cutOff('[[fault cut after=5]] [[fault status in=continue times=1]]')
    expect(await visitor.chat(request)).toMatchObject({
      reply: { content: soFar, status: 'interrupted' },
    })
    expect(await visitor.chat(request)).toMatchObject({
      reply: { content: poem, status: 'complete' },
    })
  })
})

test('a stop ends the continuation and keeps its text', async () => {
  const { request } = await cutOff(
    '[[fault cut after=5]] [[fault pace ms=100]]',
    `${poem} ${poem.repeat(3)}`,
  )
  const calls = rig.model.requests.length
  const continuing = visitor.chat(request)
  await vi.waitUntil(() => (rig.model.requests[calls]?.deltasSent ?? 0) > 3, 10_000)
  const stop = `/v1/sessions/${request.session_id}/stop`
  expect(await visitor.expect(200, 'POST', stop)).toEqual({ stopped: true })
  const { reply } = await continuing
  expect(reply).toMatchObject({ id: request.continue, status: 'interrupted' })
  expect(reply.content.startsWith(`${soFar} the`)).toBe(true)
  const row = (await storedMessages(db, request.session_id))[1]
  expect(row).toMatchObject({ error_code: 'stopped', content: reply.content })
})

test('the usage of both calls is on the reply, and both are paid for', async () => {
  const { cut, request } = await cutOff('[[fault finish after=5]]')
  const before = await usedToday()
  const { reply } = await visitor.chat(request)
  const second = (await usedToday()) - before
  const sum = (usage = { prompt_tokens: 0, completion_tokens: 0 }) =>
    usage.prompt_tokens + usage.completion_tokens
  expect(second).toBeGreaterThan(0)
  expect(sum(reply.usage)).toBe(sum(cut.usage) + second)
})

test('a reply that was continued is regenerated, and its feedback stays while it is continued', async () => {
  const { again, request } = await cutOff()
  const { session_id } = request
  await visitor.expect(
    200,
    'PUT',
    `/v1/sessions/${session_id}/messages/${request.continue}/feedback`,
    { rating: 'up' },
  )
  const { reply } = await visitor.chat(request)
  expect(reply).toMatchObject({ content: poem, feedback: { rating: 'up' } })
  const other = await visitor.chat({ ...again, regenerate: reply.id })
  expect(other.reply).toMatchObject({ seq: 3, content: soFar })
  expect((await visitor.chat(request)).reply.id).toBe(other.reply.id)
  const last = await visitor.chat({ ...request, continue: other.reply.id })
  expect(last.reply).toMatchObject({ id: other.reply.id, content: poem })
})

test('the receipt shows what was sent to continue the reply', async () => {
  const { request } = await cutOff()
  await visitor.chat(request)
  const receipt = await visitor.expect(
    200,
    'GET',
    `/v1/sessions/${request.session_id}/messages/${request.continue}/context`,
  )
  const tokens = countTokens(soFar) + countTokens(continueRequest)
  expect(receipt).toMatchObject({ counts: 'bound', tokens: { continued: tokens } })
  expect(receipt.parts.at(-1)).toEqual({
    part: 'continued',
    reason: 'cut_off',
    tokens,
    cut: false,
    messages: [
      { role: 'assistant', content: soFar },
      { role: 'user', content: continueRequest },
    ],
  })
  // All parts and the overhead of five messages and the reply: as much as the provider counts at most.
  const [, second] = rig.model.requests
  const sent = second!.messages.reduce((sum, { content }) => sum + countTokens(content) + 4, 3)
  expect(receipt.tokens.total).toBe(sent)
})

test.each([
  [{ regenerate: crypto.randomUUID() }, 'continue'],
  [{ message_id: undefined }, 'message_id'],
  [{ continue: 'no id' }, 'continue'],
])('a malformed request is refused with the name of the field: %o', async (change, field) => {
  const turn = { message: 'Hello', message_id: crypto.randomUUID(), continue: crypto.randomUUID() }
  const response = await visitor.request('POST', '/v1/chat', { ...turn, ...change })
  expect(await problemOf(response)).toMatchObject({ status: 400, errors: [{ field }] })
})

describe('with little room', () => {
  const small = useRig({
    CONTEXT_TOKEN_BUDGET: '1000',
    MAX_COMPLETION_TOKENS: '300',
    RECALL_TOKENS: '0',
  })
  const words = Array.from({ length: 900 }, (_, at) => `word${at}`).join(' ')

  test('only the end of a long text is sent, and the budget is never passed', async () => {
    const message = '[[fault cut after=250]] Please write 280 words'
    const turn = { message, message_id: crypto.randomUUID() }
    const { session_id, reply: first } = await small.visitor.chat(turn)
    const request = { ...turn, session_id, continue: first.id }
    expect(first.status).toBe('interrupted')
    await db.kysely
      .updateTable('messages')
      .set({
        content: words,
        token_count: countTokens(words),
        turn_tokens_bound: countTokens(words) + 20,
      })
      .where('id', '=', first.id)
      .execute()
    await small.visitor.chat(request)
    const sent = small.rig.model.requests.at(-1)!.messages
    const total = sent.reduce((sum, { content }) => sum + countTokens(content) + 4, 3)
    expect(total).toBeLessThanOrEqual(700)
    expect(total).toBeGreaterThan(650)
    expect(words.endsWith(sent.at(-2)!.content)).toBe(true)
    expect(sent.at(-2)!.content).toMatch(/^word\d+ /)
  })

  test('a message that leaves no room for any of the text is refused', async () => {
    const message = `[[fault cut after=5]] write 20 words ${'word '.repeat(600)}`
    const turn = { message, message_id: crypto.randomUUID() }
    const { session_id, reply } = await small.visitor.chat(turn)
    const request = { ...turn, session_id, continue: reply.id }
    const response = await small.visitor.request('POST', '/v1/chat', request)
    expect(await problemOf(response)).toMatchObject({ status: 413, code: 'message_too_long' })
  })

  test('a prompt that is too long for the provider is sent once more with a shorter end of the text', async () => {
    const message =
      '[[fault cut after=200]] [[fault context-length over=0 in=continue times=1]] write 240 words'
    const turn = { message, message_id: crypto.randomUUID() }
    const { session_id, reply } = await small.visitor.chat(turn)
    small.rig.clear()
    const { reply: whole } = await small.visitor.chat({ ...turn, session_id, continue: reply.id })
    expect(whole.status).toBe('complete')
    expect(whole.content.split(/\s+/)).toHaveLength(240)
    const [first, second] = small.rig.model.requests.map(({ messages }) => messages.at(-2)!.content)
    expect(first).toBe(reply.content)
    expect(first!.endsWith(second!)).toBe(true)
    expect(countTokens(second!)).toBeLessThanOrEqual(Math.ceil(0.6 * countTokens(first!)))
  })
})

describe('the seam', () => {
  let model: ScriptedModel
  const scripted = useRig(async () => {
    model = await startScriptedModel()
    return { OPENAI_BASE_URL: model.baseUrl }
  })
  afterAll(() => model.close())

  const usage = event({ choices: [], usage: { prompt_tokens: 30, completion_tokens: 20 } })

  /** The reply to a message that breaks off after `first` and goes on with these pieces. */
  async function continuedWith(first: string, pieces: string[], end = [finished(), usage, done]) {
    model.script = (message) =>
      message === continueRequest
        ? { packets: [...pieces.map(delta), ...end] }
        : { packets: [delta(first)] }
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const { session_id, reply } = await scripted.visitor.chat(turn)
    expect(reply).toMatchObject({ status: 'interrupted', content: first })
    const request = { ...turn, session_id, continue: reply.id }
    return { request, ...(await scripted.visitor.chat(request)) }
  }

  test.each([
    ['its last words', ['river is ', 'qui', 'et in the morning.']],
    ['all of it', ['The river', ' is quiet in the', ' morning.']],
    ['only its cut word', ['quiet in the morning.']],
    ['nothing', [' the morning.']],
  ])('is closed if the model says %s again', async (_, pieces) => {
    const { reply } = await continuedWith('The river is quiet in', pieces)
    expect(reply).toMatchObject({
      content: 'The river is quiet in the morning.',
      status: 'complete',
      usage: { prompt_tokens: 30, completion_tokens: 20 },
    })
  })

  test('shows that the reply was whole, if the model repeats its end and says no more', async () => {
    const { reply } = await continuedWith('The river is quiet.', ['is quiet.'])
    expect(reply).toMatchObject({ content: 'The river is quiet.', status: 'complete' })
  })

  test('is closed in the middle of a word', async () => {
    const { reply } = await continuedWith('The river is qui', ['is quiet.'])
    expect(reply.content).toBe('The river is quiet.')
  })

  test('what the model says again is paid for, if the provider does not tell the usage', async () => {
    const { session_id } = await continuedWith(soFar, [soFar, ' the morning.'], [])
    const [row] = await db.kysely
      .selectFrom('spending')
      .innerJoin('sessions', 'sessions.user_id', 'spending.payer')
      .selectAll('spending')
      .where('sessions.id', '=', session_id)
      .execute()
    // The first call wrote it too.
    const said = 2 * countTokens(soFar) + countTokens(' the morning.')
    expect(Number(row!.completion_tokens)).toBeGreaterThanOrEqual(said)
  })

  test('a reply never becomes longer than a reply may be', async () => {
    const mib = 1024 * 1024
    const { session_id, request } = await continuedWith('A', ['B'], [])
    const content = `${'ab '.repeat(mib / 3 - 2_000)}end`
    await db.kysely
      .updateTable('messages')
      .set({ content })
      .where('id', '=', request.continue)
      .execute()
    model.script = () => ({ packets: [delta('ab '.repeat(10_000)), finished(), done] })
    const { reply } = await scripted.visitor.chat(request)
    expect(reply).toMatchObject({ status: 'interrupted' })
    expect(Buffer.byteLength(reply.content)).toBe(mib)
    expect((await storedMessages(db, session_id))[1]).toMatchObject({ error_code: 'interrupted' })
    expect(await scripted.visitor.chat(request)).toMatchObject({ replayed: true })
  })

  // The last test: the Worker remembers that this model thinks like that.
  test('is not looked for in what turns out to be thinking, which is not a part of the text either', async () => {
    const thought = [
      'I shall say: the river is',
      ' quiet.\n</think>\n\n',
      'river is quiet in the morning.',
    ]
    const { reply, session_id } = await continuedWith('The river is quiet in', thought)
    expect(reply.content).toBe('The river is quiet in the morning.')
    expect((await storedMessages(db, session_id))[1]).toMatchObject({ content: reply.content })
  })
})
