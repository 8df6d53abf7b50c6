import { sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { eraseExpired } from '../../src/db/erasure/erase-expired.ts'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { exportPage, exportStart } from '../../src/db/export-page.ts'
import { listMessages } from '../../src/db/messages.ts'
import { spentToday } from '../../src/db/spending.ts'
import type { Payer, TurnStart } from '../../src/turn/turn.ts'
import { limits } from '../../src/limits.ts'
import { newUserId, testDatabase, turnStart } from '../rigs/conversation.ts'
import { explained } from '../rigs/explained.ts'
import { type SeededTurn, seedSession } from '../rigs/seed-session.ts'

const db = testDatabase()
const maxTurns = 20
const turn: SeededTurn = { status: 'complete', tokens: 20 }
const failed: SeededTurn = { status: 'failed', tokens: 20 }

/** Sessions that must cost the same, however different they are. */
const sessions = {
  'of 10 messages': Array.from({ length: 5 }, () => turn),
  'of 10,000 messages': Array.from({ length: 5_000 }, () => turn),
  'that ends with 5,000 failed replies': [
    ...Array.from({ length: 40 }, () => turn),
    ...Array.from({ length: 5_000 }, () => failed),
  ],
  'that ends with a reply made anew 5,000 times': [
    ...Array.from({ length: 40 }, () => turn),
    { ...turn, superseded: 5_000 },
  ],
} satisfies Record<string, SeededTurn[]>

const seeded = new Map<string, TurnStart>()
beforeAll(async () => {
  for (const [name, turns] of Object.entries(sessions)) {
    const start = turnStart()
    await seedSession(db, start, turns)
    seeded.set(name, start)
  }
  for (let other = 0; other < 50; other += 1)
    await seedSession(db, turnStart(), sessions['of 10 messages'])
  await sql`
insert into sessions (id, user_id) select gen_random_uuid(), 'visitor:' || number
from generate_series(1, 20000) number`.execute(db.kysely)
  await sql`
insert into spending (day, payer, tokens)
select (now() at time zone 'UTC')::date - day, 'visitor:' || number, 1
from generate_series(0, 1) day, generate_series(1, 10000) number
on conflict do nothing`.execute(db.kysely)
  await sql`analyze sessions, messages, spending`.execute(db.kysely)
}, 120_000)

const payersOf = (userId: string): Payer[] => [
  { kind: 'user', name: userId, maxTokens: 1_000_000 },
  { kind: 'address', name: `address:${userId}`, maxTokens: 1_000_000 },
]

test('what is left of a day is read by the payers alone', async () => {
  const { wholeTables } = await explained(db, (explaining) =>
    spentToday(explaining, payersOf(newUserId())),
  )
  expect(wholeTables).toEqual([])
})

describe.each(Object.keys(sessions))('in a session %s', (name) => {
  function startHere(): TurnStart {
    const { userId, sessionId } = seeded.get(name) ?? turnStart()
    const payers = payersOf(userId)
    const start = turnStart({ userId, sessionId, payers, createSession: false })
    return { ...start, window: { ...start.window, maxTurns } }
  }

  test('a page of an export reads that page, wherever it begins', async () => {
    const { userId, sessionId } = startHere()
    for (const after of [exportStart, { sessionId, seq: 3 }, { sessionId, seq: 5_000 }]) {
      const {
        messages,
        sessions: read,
        wholeTables,
      } = await explained(db, (explaining) => exportPage(explaining, userId, after))
      // From either index of the history, superseded replies apart.
      expect(messages).toBeLessThanOrEqual(2 * limits.pageMax)
      // The session's own columns are looked for with each item.
      expect(read).toBeLessThanOrEqual(limits.pageMax + 1)
      expect(wholeTables).toEqual([])
    }
  })

  test('a page of history reads that page', async () => {
    const range = { ...startHere(), limit: 50 }
    for (const place of [{}, { before: 60 }, { after: 3 }, { superseded: true }]) {
      const { messages, wholeTables } = await explained(db, (explaining) =>
        listMessages(explaining, { ...range, ...place }),
      )
      expect(messages).toBeLessThanOrEqual(2 * 51)
      expect(wholeTables).toEqual([])
    }
  })
})

test('an erase of all that a user has reads their sessions and no others', async () => {
  const userId = newUserId()
  for (let count = 0; count < 150; count += 1)
    await seedSession(db, { userId, sessionId: crypto.randomUUID() }, [])
  const { sessions: read, wholeTables } = await explained(db, (explaining) =>
    eraseSomeOfUser(explaining, userId),
  )
  expect(read).toBeLessThanOrEqual(2 * 150)
  expect(wholeTables).toEqual([])
})

test('a call of the retention walks a bounded part of the primary key', async () => {
  const after = crypto.randomUUID().replace(/^./, '0')
  const range = { after, until: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }
  const { sessions: read, wholeTables } = await explained(db, (explaining) =>
    eraseExpired(explaining, 99_999, range),
  )
  expect(read).toBeGreaterThan(0)
  expect(read).toBeLessThanOrEqual(2_000)
  expect(wholeTables).toEqual([])
})
