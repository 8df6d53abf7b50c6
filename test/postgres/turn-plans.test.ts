import { beforeAll, describe, expect, test } from 'vitest'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { checkpointTurn, finishTurn } from '../../src/db/turns/finish-turn.ts'
import type { TurnStart } from '../../src/turn/turn.ts'
import {
  sentFrom,
  takeTurn,
  testDatabase,
  turnCheckpoint,
  turnEnd,
  turnStart,
} from '../rigs/conversation.ts'
import { callOf } from '../rigs/database-calls.ts'
import { nestedPlans, rowsRead, wholeScans } from '../rigs/nested-plans.ts'
import { seedSession } from '../rigs/seed-session.ts'
import { seedUnlikeSessions, unlikeSessions } from '../rigs/seed-unlike-sessions.ts'
import { startDatabase } from '../rigs/start-database.ts'

const db = testDatabase()
const maxTurns = 20
const sessions = unlikeSessions(25_000)
let seeded: Map<string, TurnStart>
beforeAll(async () => {
  seeded = await seedUnlikeSessions(db, sessions, 200)
}, 300_000)

function startIn(name: string): TurnStart {
  const { userId, sessionId } = seeded.get(name) ?? turnStart()
  const start = turnStart({ userId, sessionId, createSession: false })
  start.payers = [
    { kind: 'user', name: userId, maxTokens: 1_000_000 },
    { kind: 'address', name: `address:${userId}`, maxTokens: 1_000_000 },
    { kind: 'site', name: 'site', maxTokens: 1_000_000_000 },
  ]
  start.window = { ...start.window, maxTurns }
  return start
}

describe.each(['force_generic_plan', 'force_custom_plan'] as const)('by %s', (mode) => {
  async function plansOf(call: (db: Database) => Promise<unknown>) {
    const [query] = await callOf(db, call)
    if (query === undefined) throw new Error('nothing was sent')
    const plans = await nestedPlans(query, mode)
    expect(plans.length).toBeGreaterThan(0)
    return plans
  }

  describe.each(Object.keys(sessions))('in a session %s', (name) => {
    test('begin reads the rows of its window and a few by their keys, from index ranges alone', async () => {
      const start = startIn(name)
      const plans = await plansOf((to) => beginTurn(to, start))
      expect(plans.some((plan) => plan.sql.includes('turn_window'))).toBe(true)
      expect(wholeScans(plans)).toEqual([])
      // The window's replies by the index alone, then both messages of each turn.
      expect(rowsRead(plans, 'messages')).toBeLessThanOrEqual(3 * maxTurns + 10)
      expect(rowsRead(plans, 'sessions')).toBeLessThanOrEqual(5)
      expect(rowsRead(plans, 'spending')).toBeLessThanOrEqual(6)
    })

    test('a retry finds its turn by a few rows', async () => {
      const start = startIn(name)
      await takeTurn(db, { ...start, payers: [] })
      const retry = { ...start, lease: crypto.randomUUID() }
      const plans = await plansOf((to) => beginTurn(to, retry))
      expect(wholeScans(plans)).toEqual([])
      expect(rowsRead(plans, 'messages')).toBeLessThanOrEqual(8)
    })

    test('a checkpoint and a finish read no more than what they return', async () => {
      const start = startIn(name)
      await beginTurn(db, start)
      const checkpoint = await plansOf((to) => checkpointTurn(to, start, turnCheckpoint()))
      expect(rowsRead(checkpoint, 'messages')).toBeLessThanOrEqual(3)

      const usage = { prompt_tokens: 50, completion_tokens: 5 }
      const end = turnEnd({ usage, reportedReplyTokens: 5, sent: sentFrom(1) })
      const finish = await plansOf((to) => finishTurn(to, start, end, { historyLimit: 50 }))
      expect(rowsRead(finish, 'messages')).toBeLessThanOrEqual(2 * 51 + maxTurns + 10)
      for (const plans of [checkpoint, finish]) expect(wholeScans(plans)).toEqual([])
      await finishTurn(db, start, end, { historyLimit: 0 })
    })
  })
})

// A connection keeps a plan until the tables are analyzed, so one that was made for small tables must do for large ones.
test('in tables of a few rows begin is planned by index ranges too', async () => {
  const own = await startDatabase('postgres')
  try {
    await own.migrate()
    const start = turnStart()
    const fewTurns = Array.from({ length: 30 }, () => ({ status: 'complete' as const, tokens: 20 }))
    await seedSession(createDatabase({ ...own, timeoutMs: 20_000 }), start, fewTurns)
    await own.exec('analyze')
    const [query] = await callOf(db, (to) => beginTurn(to, start))
    if (query === undefined) throw new Error('nothing was sent')
    const plans = await nestedPlans(query, 'force_generic_plan', own)
    expect(plans.length).toBeGreaterThan(5)
    expect(wholeScans(plans)).toEqual([])
  } finally {
    await own.close()
  }
})
