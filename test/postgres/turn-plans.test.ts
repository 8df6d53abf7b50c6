import { sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/db/database.ts'
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
import { type SeededTurn, seedSession } from '../rigs/seed-session.ts'

const db = testDatabase()
const maxTurns = 20
const turn: SeededTurn = { status: 'complete', tokens: 20 }
const failed: SeededTurn = { status: 'failed', tokens: 20 }

/** Sessions that must cost the same, however different they are. */
const sessions = {
  'of 10 messages': Array.from({ length: 5 }, () => turn),
  'of 50,000 messages': Array.from({ length: 25_000 }, () => turn),
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
  for (let other = 0; other < 200; other += 1)
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
