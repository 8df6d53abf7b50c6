import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { claimSomeSessions } from '../../src/db/claim-sessions.ts'
import { maxEmptySessions } from '../../src/db/erasure/erase-surplus.ts'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { createSession } from '../../src/db/sessions.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { newUserId, testDatabase, turnStart } from '../rigs/conversation.ts'
import { storedUser } from '../rigs/stored-user.ts'
import { waitersFor } from '../rigs/waiters-for.ts'

/** Needs a server with many connections: PGlite runs one transaction after the other. */
const db = testDatabase()
let other: Client
beforeAll(async () => {
  other = new Client(inject('database').connectionString)
  await other.connect()
})
afterAll(() => other.end())

const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))

const create = (userId: string, id: string = crypto.randomUUID()) =>
  createSession(db, { id, userId })

const idsOf = async (userId: string) => (await storedUser(db, userId)).sessions.map(({ id }) => id)

describe('sessions without messages', () => {
  test('are twenty after a hundred were created at once', async () => {
    const userId = newUserId()
    await Promise.all(times(100, () => create(userId)))
    expect(await idsOf(userId)).toHaveLength(maxEmptySessions)
  })

  test('are twenty after claims of many visitors at once', async () => {
    const userId = newUserId()
    const visitors = times(8, newUserId)
    await Promise.all(visitors.flatMap((visitorId) => times(15, () => create(visitorId))))
    const claims = visitors.map((visitorId) => claimSomeSessions(db, { visitorId, userId }))
    const claimed = await Promise.all(claims)
    expect(claimed.map((each) => each.claimed)).toEqual(visitors.map(() => 15))
    expect(await idsOf(userId)).toHaveLength(maxEmptySessions)
  })

  test('are never erased under their first turn, whichever of the two comes first', async () => {
    const verdicts = new Set<string>()
    for (let round = 0; round < 20; round += 1) {
      const userId = newUserId()
      const ids: string[] = []
      for (let count = 0; count < maxEmptySessions; count += 1) ids.push((await create(userId)).id)
      const turns = ids
        .slice(0, 10)
        .map((sessionId) => turnStart({ userId, sessionId, createSession: false }))
      const [begun] = await Promise.all([
        Promise.all(turns.map((turn) => beginTurn(db, turn))),
        Promise.all(times(10, () => create(userId))),
      ])
      const { sessions, messages } = await storedUser(db, userId)
      const stored = new Set(sessions.map(({ id }) => id))
      for (const [index, { verdict }] of begun.entries()) {
        verdicts.add(verdict)
        const { sessionId = '' } = turns[index] ?? {}
        expect([verdict, stored.has(sessionId)]).toEqual([verdict, verdict === 'run'])
        expect(messages.filter(({ session_id }) => session_id === sessionId)).toHaveLength(
          verdict === 'run' ? 2 : 0,
        )
      }
      const empty = sessions.filter(({ next_seq }) => next_seq === 1)
      expect(empty.length).toBeLessThanOrEqual(maxEmptySessions)
    }
    expect(verdicts).toContain('run')
  })

  test('that are about to receive a message stay, and others make room', async () => {
    const userId = newUserId()
    const oldest = (await create(userId)).id
    for (let count = 1; count < maxEmptySessions; count += 1) await create(userId)
    await other.query('begin')
    try {
      // The lock that begin takes first.
      await other.query('select session_lock($1)', [oldest])
      await create(userId)
      expect(await idsOf(userId)).toHaveLength(maxEmptySessions + 1)
      expect(await idsOf(userId)).toContain(oldest)
    } finally {
      await other.query('rollback')
    }
    await create(userId)
    expect(await idsOf(userId)).toHaveLength(maxEmptySessions)
    expect(await idsOf(userId)).not.toContain(oldest)
  })

  test('do not deadlock with claims and erasures', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [visitorId, userId] = [newUserId(), newUserId()]
      await Promise.all(times(25, () => create(visitorId)))
      await Promise.all([
        ...times(10, () => create(visitorId)),
        ...times(10, () => create(userId)),
        ...times(3, () => claimSomeSessions(db, { visitorId, userId })),
        ...times(3, () => eraseSomeOfUser(db, visitorId)),
      ])
      for (const user of [visitorId, userId])
        expect((await idsOf(user)).length).toBeLessThanOrEqual(maxEmptySessions)
    }
  })

  test('are created one after the other for a user, and at once for others', async () => {
    const userId = newUserId()
    await other.query('begin')
    let waiting: Promise<unknown>
    try {
      await other.query(
        `select pg_advisory_xact_lock(hashtextextended('empty sessions of ' || $1, 0))`,
        [userId],
      )
      waiting = create(userId)
      await waitersFor(other, 1)
      await create(newUserId())
    } finally {
      await other.query('rollback')
    }
    await waiting
    expect(await idsOf(userId)).toHaveLength(1)
  })
})
