import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { claimSomeSessions } from '../../src/db/claim-sessions.ts'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { createSession, deleteSession } from '../../src/db/sessions.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { finish, newUserId, takeTurn, testDatabase, turnStart } from '../rigs/conversation.ts'
import { expectSound, storedMessages } from '../rigs/stored-session.ts'
import { waitersFor } from '../rigs/waiters-for.ts'

/** Needs a server with many connections: PGlite runs one transaction after the other. */
const db = testDatabase()
const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))

async function visitorWith(count: number) {
  const visitorId = newUserId()
  const sessions = times(count, () => ({ id: crypto.randomUUID(), userId: visitorId }))
  await Promise.all(sessions.map((session) => createSession(db, session)))
  return { visitorId, ids: sessions.map(({ id }) => id) }
}

const newUser = () => `user:${crypto.randomUUID()}`

async function idsOf(userId: string): Promise<string[]> {
  const query = db.kysely.selectFrom('sessions').select('id').where('user_id', '=', userId)
  return (await query.execute()).map(({ id }) => id)
}

describe('claims of one visitor at the same moment', () => {
  test('give each session to exactly one user, and none is an error', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { visitorId, ids } = await visitorWith(8)
      const users = times(6, newUser)
      const claims = await Promise.all(
        users.map((userId) => claimSomeSessions(db, { visitorId, userId })),
      )
      const owned = await Promise.all(users.map(idsOf))
      expect(claims.map(({ claimed }) => claimed)).toEqual(owned.map(({ length }) => length))
      expect(owned.flat().toSorted()).toEqual(ids.toSorted())
      expect(await idsOf(visitorId)).toEqual([])
    }
  })

  test('and erasures of the visitor neither deadlock nor share a session', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { visitorId, ids } = await visitorWith(8)
      const users = times(3, newUser)
      const [erased, claims] = await Promise.all([
        Promise.all(times(3, () => eraseSomeOfUser(db, visitorId))),
        Promise.all(users.map((userId) => claimSomeSessions(db, { visitorId, userId }))),
        deleteSession(db, visitorId, ids[3] ?? '').then((gone) => gone && ids.splice(3, 1)),
      ])
      const owned = await Promise.all(users.map(idsOf))
      const counts = [...erased.map((each) => each.erased), ...claims.map((each) => each.claimed)]
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(ids.length)
      expect(owned.flat()).toHaveLength(claims.reduce((sum, { claimed }) => sum + claimed, 0))
      expect(await idsOf(visitorId)).toEqual([])
    }
  })
})

describe('a turn and a claim at the same moment', () => {
  test('that begins in the session runs or finds nothing, and is stored whole if it runs', async () => {
    const verdicts = new Set<string>()
    for (let round = 0; round < 40; round += 1) {
      const { start } = await takeTurn(db)
      const { userId: visitorId, sessionId } = start
      const userId = newUser()
      const turn = turnStart({ userId: visitorId, sessionId, createSession: false })
      const claim = () => claimSomeSessions(db, { visitorId, userId })
      const begin = () => beginTurn(db, turn)
      // The other one is sent up to 7 ms later, so that each of them comes first sometimes.
      const later = () => sleep(Math.floor(round / 2) % 8)
      const [{ verdict }] = await Promise.all(
        round % 2 ? [begin(), later().then(claim)] : [later().then(begin), claim()],
      )
      verdicts.add(verdict)
      expect(['run', 'not_found']).toContain(verdict)
      if (verdict === 'run') expect(await finish(db, turn)).toMatchObject({ outcome: 'stored' })
      expect(await idsOf(userId)).toEqual([sessionId])
      const rows = await expectSound(db, sessionId)
      expect(rows.map(({ status }) => status)).toEqual(rows.map(() => 'complete'))
      expect(rows).toHaveLength(verdict === 'run' ? 4 : 2)
    }
    expect(verdicts).toEqual(new Set(['run', 'not_found']))
  })

  test('that ends in it is stored, before or after', async () => {
    for (let round = 0; round < 40; round += 1) {
      const turn = turnStart()
      const { userId: visitorId, sessionId } = turn
      await beginTurn(db, turn)
      const userId = newUser()
      const [finished] = await Promise.all([
        finish(db, turn, { content: 'Whole' }),
        claimSomeSessions(db, { visitorId, userId }),
      ])
      expect(finished).toMatchObject({ outcome: 'stored', reply: { content: 'Whole' } })
      expect(await idsOf(userId)).toEqual([sessionId])
      expect((await storedMessages(db, sessionId))[1]).toMatchObject({ status: 'complete' })
    }
  })
})

test('a claim waits for the lock of a session, and leaves one that was claimed meanwhile', async () => {
  const { visitorId, ids } = await visitorWith(3)
  const [userId, another] = [newUser(), newUser()]
  const held = ids.toSorted()[1]
  const other = new Client(inject('database').connectionString)
  await other.connect()
  try {
    await other.query('begin')
    await other.query('select pg_advisory_xact_lock(hashtextextended($1::text, 0))', [held])
    const claim = claimSomeSessions(db, { visitorId, userId })
    await waitersFor(other, 1)
    expect(await idsOf(visitorId)).toHaveLength(3)
    await other.query('update sessions set user_id = $1 where id = $2', [another, held])
    await other.query('commit')
    expect(await claim).toMatchObject({ claimed: 2, more: false })
    expect(await idsOf(another)).toEqual([held])
    expect((await idsOf(userId)).toSorted()).toEqual(ids.filter((id) => id !== held).toSorted())
  } finally {
    await other.end()
  }
})
