import { describe, expect, test } from 'vitest'
import { deleteSession } from '../../src/db/sessions.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import type { Message } from '../../src/protocol.ts'
import { finish, takeTurn, testDatabase, turnStart } from '../rigs/conversation.ts'
import { useRig } from '../rigs/start-rig.ts'

/** Needs a server with many connections: PGlite runs one transaction after the other. */
const db = testDatabase()
const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))

async function rows(sessionId: string) {
  return db.kysely
    .selectFrom('messages')
    .select(['seq', 'role', 'status', 'reply_to'])
    .where('session_id', '=', sessionId)
    .orderBy('seq')
    .execute()
}

describe('turns that begin at the same moment', () => {
  test('in one session: one runs, the others are busy and leave no trace', async () => {
    for (const createSession of [true, false]) {
      const { start } = await takeTurn(db)
      const session = createSession ? turnStart() : start
      const { userId, sessionId } = session
      const begun = await Promise.all(
        times(60, () => beginTurn(db, turnStart({ userId, sessionId, createSession }))),
      )
      const verdicts = begun.map(({ verdict }) => verdict).toSorted()
      expect(verdicts).toEqual([...times(59, () => 'busy'), 'run'])
      expect(await rows(sessionId)).toHaveLength(createSession ? 2 : 4)
    }
  })

  test('with one message_id: one runs, the others are told that it is running', async () => {
    const { userId, sessionId, messageId } = turnStart()
    const begun = await Promise.all(
      times(50, () => beginTurn(db, turnStart({ userId, sessionId, messageId }))),
    )
    const verdicts = begun.map(({ verdict }) => verdict).toSorted()
    expect(verdicts).toEqual(['run', ...times(49, () => 'running')].toSorted())
    expect(await rows(sessionId)).toHaveLength(2)
  })

  test('in many sessions do not wait for each other', async () => {
    const begun = await Promise.all(times(60, () => beginTurn(db, turnStart())))
    expect(new Set(begun.map(({ verdict }) => verdict))).toEqual(new Set(['run']))
  })
})

describe('a turn that begins while the one before it is finished', () => {
  test('is busy or sees the whole reply, never half of it', async () => {
    for (let round = 0; round < 30; round += 1) {
      const running = turnStart()
      await beginTurn(db, running)
      const { userId, sessionId } = running
      const [, next] = await Promise.all([
        finish(db, running, { content: 'Whole' }),
        beginTurn(db, turnStart({ userId, sessionId })),
      ])
      if (next.verdict === 'run') expect(next.window).toMatchObject([{ reply: 'Whole' }])
      else expect(next.verdict).toBe('busy')
    }
  })
})

describe('a session that is erased while it is written', () => {
  test('leaves no row behind', async () => {
    for (let round = 0; round < 30; round += 1) {
      const running = turnStart()
      await beginTurn(db, running)
      const { userId, sessionId } = running
      await Promise.all([
        finish(db, running),
        deleteSession(db, userId, sessionId),
        beginTurn(db, turnStart({ userId, sessionId, createSession: false })),
      ])
      expect(await rows(sessionId)).toEqual([])
    }
  })
})

describe('through the Worker', () => {
  const { rig, visitor } = useRig()

  /** Sends requests at once. @returns status and Retry-After of each */
  async function statuses(bodies: Record<string, unknown>[]) {
    const responses = await Promise.all(
      bodies.map((body) => visitor.request('POST', '/v1/chat', body)),
    )
    await Promise.all(responses.map((response) => response.text()))
    return responses.map(({ status, headers }) => ({ status, retry: headers.get('retry-after') }))
  }

  test('the same message_id sent 50 times at once is stored once and paid for once', async () => {
    const turn = { message: '[[fault pace ms=20]] Hello', message_id: crypto.randomUUID() }
    const answers = await statuses(times(50, () => turn))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]))
    for (const { status, retry } of answers)
      if (status === 409) expect(Number(retry)).toBeGreaterThan(0)
    expect(rig.model.requests).toHaveLength(1)

    const { session_id, history } = await visitor.chat(turn)
    expect(history.map(({ seq, status }: Message) => [seq, status])).toEqual([
      [1, 'complete'],
      [2, 'complete'],
    ])
    expect(await rows(session_id)).toHaveLength(2)
    expect(rig.model.requests).toHaveLength(1)
  })

  test('60 turns at once in one session: the accepted ones are stored whole, in order', async () => {
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const answers = await statuses(
      times(60, (index) => ({ session_id, message: `[[fault pace ms=5]] Message ${index}` })),
    )
    const accepted = answers.filter(({ status }) => status === 200).length
    expect(accepted).toBeGreaterThan(0)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]))
    const stored = await rows(session_id)
    expect(stored.map(({ seq, role, status, reply_to }) => [seq, role, status, reply_to])).toEqual(
      times(accepted + 1, (index) => [
        [index * 2 + 1, 'user', 'complete', null],
        [index * 2 + 2, 'assistant', 'complete', index * 2 + 1],
      ]).flat(),
    )
  })
})
