import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { expireLease, testDatabase } from '../rigs/conversation.ts'
import type { DatabaseFault } from '../rigs/database-proxy.ts'
import { type ProblemJson, problemOf } from '../rigs/problem.ts'
import { type Rig, useRig } from '../rigs/start-rig.ts'
import { type TurnCall, turnCall } from '../rigs/turn-call.ts'

const databaseTimeoutMs = 4_000
const { rig, visitor } = useRig({ DATABASE_TIMEOUT_MS: String(databaseTimeoutMs) })

const notRun: DatabaseFault[] = [
  'reset before',
  'server error',
  'html',
  'lost connection',
  'deadlock',
  'serialization failure',
]
const ranUnseen: DatabaseFault[] = ['reset after', 'cut', 'lost connection after']
const accept = { accept: 'text/event-stream' }

const newTurn = () => ({ message: 'Hello', message_id: crypto.randomUUID() })

/** Lets the calls to the database with these numbers, from 0, go wrong. */
function fail(fault: DatabaseFault, { from = 0, to = Infinity } = {}) {
  rig.database.fault = (_, index) => (index >= from && index <= to ? fault : undefined)
}

function mend() {
  rig.database.fault = () => undefined
}

const called = (name: TurnCall) => rig.database.calls.filter((call) => turnCall(call) === name)

/** Mends the database, and waits until the Worker has abandoned a begin that got no answer. */
async function mendAndAbandon() {
  mend()
  await vi.waitUntil(() => called('abandon').some(({ bytes }) => bytes > 0), { timeout: 20_000 })
}

/** The stored messages of a session. */
async function storedMessages(sessionId: string) {
  const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${sessionId}/messages`)
  return data.map(({ role, status }: { role: string; status: string }) => `${role} ${status}`)
}

async function refusedChat(body: unknown, headers = {}): Promise<ProblemJson> {
  const response = await visitor.request('POST', '/v1/chat', body, headers)
  const problem = await problemOf(response)
  expect(Number(response.headers.get('retry-after') ?? -1), problem.code).toBe(
    problem['retry_after'] ?? -1,
  )
  return problem
}

describe('while the database cannot be reached, a turn', () => {
  test.each([...notRun, ...ranUnseen])(
    'is a 503 after one repeat, with no call to the model: %s',
    async (fault) => {
      fail(fault)
      expect(await refusedChat(newTurn())).toMatchObject({
        status: 503,
        code: 'database_unavailable',
        retry_after: expect.any(Number),
      })
      expect(called('begin')).toHaveLength(2)
      await mendAndAbandon()
      expect(rig.model.requests).toEqual([])
    },
  )

  test('is a 503 if the database is silent, within one deadline for both calls', async () => {
    fail('silent before')
    expect((await refusedChat(newTurn())).code).toBe('database_unavailable')
    expect(called('begin')).toHaveLength(2)
    await mendAndAbandon()
    expect(rig.model.requests).toEqual([])
  })

  test('is a 503 if nobody listens', async () => {
    await rig.database.refuse()
    try {
      expect((await refusedChat(newTurn())).code).toBe('database_unavailable')
    } finally {
      await rig.database.listen()
    }
    expect(rig.model.requests).toEqual([])
  })

  test('is a problem, not a stream, since nothing was accepted', async () => {
    fail('reset before')
    expect((await refusedChat(newTurn(), accept)).code).toBe('database_unavailable')
    await mendAndAbandon()
  })

  test('that was not stored runs when it is retried', async () => {
    const turn = newTurn()
    fail('reset before')
    await refusedChat(turn)
    await mendAndAbandon()
    const { session_id, reply } = await visitor.chat(turn)
    expect(reply.status).toBe('complete')
    expect(await storedMessages(session_id)).toEqual(['user complete', 'assistant complete'])
  })

  test.for<[string, Rig['database']['fault']]>([
    ['the answer is lost', () => 'reset after'],
    ['the database is slow', () => sleep(1.2 * databaseTimeoutMs, undefined)],
  ])(
    'that was stored without an answer costs nothing and leaves the session free: %s',
    async ([, fault]) => {
      const { session_id } = await visitor.chat(newTurn())
      rig.clear()
      const before = await visitor.expect(200, 'GET', '/v1/usage')
      const turn = { ...newTurn(), session_id }
      rig.database.fault = fault
      for (let left = 2; left > 0; left -= 1) await refusedChat(turn)
      mend()
      const isAnswered = ({ bytes }: { bytes: number }) => bytes > 0
      await vi.waitUntil(
        () => called('begin').every(isAnswered) && called('abandon').filter(isAnswered).length >= 2,
        { timeout: 30_000 },
      )
      expect(await storedMessages(session_id)).toEqual([
        'user complete',
        'assistant complete',
        'user complete',
        'assistant failed',
      ])
      expect(await visitor.expect(200, 'GET', '/v1/usage')).toEqual(before)
      expect(rig.model.requests).toEqual([])
      expect((await visitor.chat({ ...newTurn(), session_id })).reply.status).toBe('complete')
      expect(await refusedChat(turn)).toMatchObject({ status: 409, code: 'not_last_turn' })
    },
  )

  test('that takes longer than half of the deadline runs', async () => {
    rig.database.fault = () => sleep(0.6 * databaseTimeoutMs, undefined)
    expect((await visitor.chat(newTurn())).reply.status).toBe('complete')
    expect(rig.model.requests).toHaveLength(1)
  })
})

describe('if the first answer of the database is lost', () => {
  test.each([...notRun, ...ranUnseen, 'silent after'] as const)(
    'the turn runs, once and in one call to the model: %s',
    async (fault) => {
      fail(fault, { to: 0 })
      const { session_id, reply, ...answer } = await visitor.chat(newTurn())
      expect(reply.status).toBe('complete')
      expect(answer).not.toHaveProperty('replayed')
      expect(rig.timeline).toEqual(['database', 'database', 'model', 'database'])
      expect(await storedMessages(session_id)).toEqual(['user complete', 'assistant complete'])
    },
  )

  test('the turn runs once, even if the first call is carried out after the second', async () => {
    fail('late', { to: 0 })
    const { session_id } = await visitor.chat(newTurn())
    await vi.waitUntil(() => (rig.database.calls[0]?.bytes ?? 0) > 0, 10_000)
    expect(rig.model.requests).toHaveLength(1)
    expect(await storedMessages(session_id)).toEqual(['user complete', 'assistant complete'])
  })
})

describe('if the reply cannot be stored at once', () => {
  test.each(['reset before', 'reset after', 'cut', 'deadlock'] as const)(
    'it is stored by a repeat: %s',
    async (fault) => {
      fail(fault, { from: 1, to: 1 })
      const events = await visitor.stream(newTurn())
      expect(events.at(-1)?.event).toBe('turn.completed')
      expect(rig.timeline).toEqual(['database', 'model', 'database', 'database'])
      expect(await storedMessages(events[0]?.data.session_id)).toEqual([
        'user complete',
        'assistant complete',
      ])
    },
  )

  test('it is stored without its history if that is too large for an answer', async () => {
    const turn = newTurn()
    fail('too large', { from: 1, to: 1 })
    expect(await visitor.chat(turn)).toMatchObject({
      reply: { status: 'complete' },
      history: [],
      has_more: true,
    })
    mend()
    expect(await visitor.chat(turn)).toMatchObject({ replayed: true, history: [{}, {}] })
    expect(rig.model.requests).toHaveLength(1)
  })

  test('a stream that cannot be stored ends with not_saved, never with turn.completed', async () => {
    fail('reset before', { from: 1 })
    const events = await visitor.stream(newTurn())
    expect(events.map(({ event }) => event)).not.toContain('turn.completed')
    expect(events.at(-1)).toMatchObject({
      event: 'turn.failed',
      data: { code: 'not_saved', status: 503, retryable: true },
    })
    expect(events.at(-1)?.data).not.toHaveProperty('reply')
  })

  test('a JSON turn that cannot be stored is a 503, and runs again once its lease has expired', async () => {
    const turn = newTurn()
    fail('reset before', { from: 1 })
    const problem = await refusedChat(turn)
    expect(problem).toMatchObject({
      status: 503,
      code: 'not_saved',
      retryable: true,
      message_id: turn.message_id,
    })
    mend()
    expect((await refusedChat(turn)).code).toBe('turn_running')
    const session_id = String(problem['session_id'])
    await expireLease(testDatabase(), { sessionId: session_id })
    expect(await storedMessages(session_id)).toEqual(['user complete', 'assistant failed'])
    const { reply, history } = await visitor.chat(turn)
    expect(reply.status).toBe('complete')
    expect(history.map(({ seq }) => seq)).toEqual([1, 2])
    expect(rig.model.requests).toHaveLength(2)
  })

  test('a reply that was stored without an answer is not paid for twice', async () => {
    const turn = newTurn()
    fail('reset after', { from: 1 })
    expect((await refusedChat(turn)).code).toBe('not_saved')
    mend()
    expect(await visitor.chat(turn)).toMatchObject({
      replayed: true,
      reply: { status: 'complete' },
    })
    expect(rig.model.requests).toHaveLength(1)
  })
})

const session = `/v1/sessions/${crypto.randomUUID()}`
const routes: [string, string, unknown?][] = [
  ['POST', '/v1/sessions', { title: 'Hello' }],
  ['GET', '/v1/sessions'],
  ['GET', session],
  ['PATCH', session, { title: 'Hello' }],
  ['DELETE', session],
  ['GET', `${session}/messages`],
  ['GET', '/health/ready'],
]

describe('while the database cannot be reached, every other route', () => {
  test.each([...notRun, ...ranUnseen])('is a 503 with Retry-After: %s', async (fault) => {
    fail(fault)
    for (const [method, path, body] of routes) {
      const response = await visitor.request(method, path, body)
      expect(await problemOf(response)).toMatchObject({
        code: 'database_unavailable',
        status: 503,
      })
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(rig.timeline).toHaveLength(routes.length)
  })

  test('is a 503 if the database is silent', async () => {
    fail('silent before')
    const answers = routes.map(([method, path, body]) => visitor.request(method, path, body))
    for (const answer of answers)
      expect((await problemOf(await answer)).code).toBe('database_unavailable')
  })

  test('that needs no database still answers', async () => {
    fail('reset before')
    await visitor.expect(200, 'GET', '/health/live')
    await visitor.expect(201, 'POST', '/v1/visitors')
    expect(rig.timeline).toEqual([])
  })
})

describe('if the database answers that it gave up', () => {
  test.each([
    ['its statement took too long', 'statement timeout', 503, 'database_timeout', 'NeonDbError', 2],
    ['its answer is too large to carry', 'too large', 500, 'data_too_large', 'NeonDbError', 0],
  ] as const)('because %s, each route says so', async (_, fault, status, code, name, wait) => {
    fail(fault)
    for (const [method, path, body] of routes) {
      const response = await visitor.request(method, path, body)
      expect(await problemOf(response), `${method} ${path}`).toMatchObject({ code, status })
      expect(Number(response.headers.get('retry-after'))).toBe(wait)
    }
    expect(rig.timeline).toHaveLength(routes.length)
    await vi.waitUntil(() => rig.logs().filter((line) => line.includes(code)).length > 0)
    const log = rig.logs().find((line) => line.includes(code))
    expect(JSON.parse(log ?? '')).toMatchObject({ fault: { cause: { name } } })
  })
})
