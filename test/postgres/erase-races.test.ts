import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { claimSomeSessions } from '../../src/db/claim-sessions.ts'
import { eraseExpired } from '../../src/db/erasure/erase-expired.ts'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { exportPage, exportStart } from '../../src/db/export-page.ts'
import { createSession, deleteSession, findSession } from '../../src/db/sessions.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { createClient, newVisitor } from '../rigs/client.ts'
import {
  expireLease,
  finish,
  newUserId,
  takeTurn,
  testDatabase,
  turnStart,
} from '../rigs/conversation.ts'
import { rangeOf } from '../rigs/range-of.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { storedUser } from '../rigs/stored-user.ts'
import { tablesWith } from '../rigs/tables-with.ts'
import { waitersFor } from '../rigs/waiters-for.ts'

const db = testDatabase()
let other: Client
beforeAll(async () => {
  other = new Client(inject('database').connectionString)
  await other.connect()
})
afterAll(() => other.end())

const lock = (id: string) =>
  other.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [id])

/** A user with a running turn in each session, ordered by session id. */
async function runningTurns(count: number, userId = newUserId()) {
  const turns = Array.from({ length: count }, () => turnStart({ userId }))
  await Promise.all(turns.map((turn) => beginTurn(db, turn)))
  return {
    userId,
    turns: turns.toSorted((a, b) => (a.sessionId < b.sessionId ? -1 : 1)),
  }
}

/** Expects that each of these sessions has its messages, or that nothing of it is left. */
async function expectWholeOrNothing(userId: string, sessionIds: readonly string[]) {
  const { sessions, messages } = await storedUser(db, userId)
  const there = new Set(sessions.map(({ id }) => id))
  const gone = sessionIds.filter((id) => !there.has(id))
  if (gone.length > 0) expect(await tablesWith(db, ...gone)).toEqual([])
  for (const id of there) {
    const rows = messages.filter(({ session_id }) => session_id === id)
    expect(rows.map(({ seq }) => seq).slice(0, 2)).toEqual([1, 2])
  }
}

describe('an erasure of all that a user has', () => {
  test('ends without a deadlock and leaves no row while turns begin and end, and sessions are claimed and erased', async () => {
    for (let round = 0; round < 8; round += 1) {
      const { userId, turns } = await runningTurns(8)
      const claimer = `user:${crypto.randomUUID()}`
      const ids = turns.map(({ sessionId }) => sessionId)
      await Promise.all([
        ...turns.map((turn) => finish(db, turn)),
        eraseSomeOfUser(db, userId),
        ...ids.map((sessionId) =>
          beginTurn(db, turnStart({ userId, sessionId, createSession: false })),
        ),
        claimSomeSessions(db, { visitorId: userId, userId: claimer }),
        eraseSomeOfUser(db, userId),
        ...ids.slice(0, 2).map((id) => deleteSession(db, userId, id)),
        ...ids.slice(6).map((id) => eraseExpired(db, 0, rangeOf(id))),
        eraseSomeOfUser(db, claimer),
        exportPage(db, userId, exportStart),
      ])
      await Promise.all([eraseSomeOfUser(db, userId), eraseSomeOfUser(db, claimer)])
      expect(await tablesWith(db, ...ids)).toEqual([])
    }
  }, 90_000)

  test('while first turns begin leaves each session whole or erases all of it', async () => {
    for (let round = 0; round < 8; round += 1) {
      const userId = newUserId()
      const turns = Array.from({ length: 10 }, () => turnStart({ userId }))
      await Promise.all([
        ...turns.map((turn) => beginTurn(db, turn)),
        eraseSomeOfUser(db, userId),
        eraseSomeOfUser(db, userId),
      ])
      const ids = turns.map(({ sessionId }) => sessionId)
      await expectWholeOrNothing(userId, ids)
      expect(await eraseSomeOfUser(db, userId)).toMatchObject({ more: false })
      expect(await tablesWith(db, ...ids)).toEqual([])
    }
  }, 90_000)

  test('also erases what a turn stored while it waited', async () => {
    const { userId, turns } = await runningTurns(2)
    const [first, second] = turns.map(({ sessionId }) => sessionId)
    await other.query('begin')
    await lock(second ?? '')
    const erased = eraseSomeOfUser(db, userId)
    await waitersFor(other, 1)
    await other.query(
      `insert into messages (session_id, id, seq, role, status, content, token_count)
       values ($1, gen_random_uuid(), 3, 'user', 'complete', 'Late', 1)`,
      [second],
    )
    await other.query('update sessions set next_seq = 4 where id = $1', [second])
    await other.query('commit')
    expect(await erased).toMatchObject({ erased: 2, more: false })
    expect(await tablesWith(db, first ?? '', second ?? '')).toEqual([])
  })

  test('leaves a session that was claimed while it waited', async () => {
    const { userId, turns } = await runningTurns(1)
    const [{ sessionId }] = turns as [(typeof turns)[0]]
    await other.query('begin')
    await lock(sessionId)
    const claimer = `user:${crypto.randomUUID()}`
    await other.query('update sessions set user_id = $1 where id = $2', [claimer, sessionId])
    const erased = eraseSomeOfUser(db, userId)
    await waitersFor(other, 1)
    await other.query('commit')
    expect(await erased).toMatchObject({ erased: 0, more: false })
    expect(await findSession(db, claimer, sessionId)).toMatchObject({ id: sessionId })
  })

  test('waits for another of the same user, and both end', async () => {
    const { userId, turns } = await runningTurns(5)
    await other.query('begin')
    await lock(turns[2]?.sessionId ?? '')
    const both = [eraseSomeOfUser(db, userId), eraseSomeOfUser(db, userId)]
    await waitersFor(other, 2)
    await other.query('commit')
    const erased = (await Promise.all(both)).map(({ erased: count }) => count)
    expect(new Set(erased)).toEqual(new Set([0, 5]))
  })
})

describe('an erasure by age', () => {
  test('does not wait: a locked session is left to the next run', async () => {
    const { start } = await takeTurn(db)
    const range = rangeOf(start.sessionId)
    await other.query('begin')
    await lock(start.sessionId)
    expect(await eraseExpired(db, 0, range)).toMatchObject({ lookedAt: 1, erased: 0 })
    await other.query('commit')
    expect(await eraseExpired(db, 0, range)).toMatchObject({ lookedAt: 1, erased: 1 })
    expect(await tablesWith(db, start.sessionId)).toEqual([])
  })

  test('checks again after it waited for a row: a session that is in use again stays', async () => {
    const userId = newUserId()
    const { id } = await createSession(db, { id: crypto.randomUUID(), userId })
    await other.query('begin')
    await other.query(
      `update sessions set last_message_at = statement_timestamp() + interval '1 minute' where id = $1`,
      [id],
    )
    const expired = eraseExpired(db, 0, rangeOf(id))
    await waitersFor(other, 1)
    await other.query('commit')
    expect(await expired).toMatchObject({ lookedAt: 1, erased: 0 })
    expect(await findSession(db, userId, id)).toMatchObject({ id })
  })

  test('while turns begin and end leaves each session whole or erases all of it', async () => {
    for (let round = 0; round < 15; round += 1) {
      const running = turnStart()
      await beginTurn(db, running)
      await expireLease(db, running)
      const { userId, sessionId } = running
      await Promise.all([
        finish(db, running),
        eraseExpired(db, 0, rangeOf(sessionId)),
        beginTurn(db, turnStart({ userId, sessionId, createSession: false })),
      ])
      await expectWholeOrNothing(userId, [sessionId])
    }
  }, 90_000)
})

describe('a reply that another Worker is writing', () => {
  let rigs: [Rig, Rig]
  beforeAll(async () => {
    rigs = await Promise.all([startRig(), startRig()])
  })
  afterAll(() => Promise.all(rigs.map((rig) => rig.close())))

  test.each([
    ['DELETE /v1/me', () => '/v1/me'],
    ['DELETE /v1/sessions/…', (id: string) => `/v1/sessions/${id}`],
  ])('leaves nothing behind after %s', async (_, pathOf) => {
    const visitor = await newVisitor(rigs[0].url)
    const elsewhere = createClient(rigs[1].url, visitor.token)
    const turn = visitor.stream({ message: '[[fault pace ms=50]] write 400 words' })
    const [session] = await vi.waitUntil(
      async () => {
        const { data } = await elsewhere.expect(200, 'GET', '/v1/sessions')
        return data.length > 0 && data
      },
      { timeout: 20_000, interval: 50 },
    )
    await elsewhere.expect(204, 'DELETE', pathOf(session.id))
    expect((await turn).at(-1)).toMatchObject({
      event: 'turn.failed',
      data: { code: 'session_deleted' },
    })
    expect(await tablesWith(db, session.id)).toEqual([])
  })
})
