import { beforeAll, describe, expect, test } from 'vitest'
import { eraseExpired } from '../../src/db/erasure/erase-expired.ts'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { exportPage, exportStart } from '../../src/db/export-page.ts'
import { listMessages } from '../../src/db/list-messages.ts'
import { spentToday } from '../../src/db/spending.ts'
import { limits } from '../../src/limits.ts'
import type { Payer, TurnStart } from '../../src/turn/turn.ts'
import { newUserId, testDatabase, turnStart } from '../rigs/conversation.ts'
import { explained } from '../rigs/explained.ts'
import { seedSession } from '../rigs/seed-session.ts'
import { seedUnlikeSessions, unlikeSessions } from '../rigs/seed-unlike-sessions.ts'

const db = testDatabase()
const maxTurns = 20
const sessions = unlikeSessions(5_000)
let seeded: Map<string, TurnStart>
beforeAll(async () => {
  seeded = await seedUnlikeSessions(db, sessions, 50)
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
