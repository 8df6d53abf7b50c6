import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { finishTurn } from '../../src/db/turns/finish-turn.ts'
import type { Payer } from '../../src/turn/turn.ts'
import { newUserId, testDatabase, turnEnd, turnStart } from '../rigs/conversation.ts'
import { compare } from './compare.ts'
import { report, round } from './report.ts'

const db = testDatabase()
const site: Payer = { kind: 'site', name: 'site', maxTokens: 1_000_000_000_000 }
const turnsOfSession = 10

/** Each commit takes so much longer while it holds all locks, as at Neon, where the log first goes to other machines. */
function withCommitMs(commitMs: number): Database {
  if (commitMs === 0) return db
  const sleep = sql`select pg_sleep(${commitMs / 1_000}::float8)`.compile(db.kysely)
  return {
    ...db,
    single: async (query, options) => (await db.batch([query, sleep], options))[0],
  }
}

/** The turns of one client, begun and finished one after another. */
function takeTurns(slow: Database, isCapped: boolean) {
  const userId = newUserId()
  const payers: Payer[] = [
    { kind: 'user', name: userId, maxTokens: 1_000_000_000 },
    ...(isCapped ? [site] : []),
  ]
  let count = 0
  let sessionId = ''
  return async () => {
    if (count % turnsOfSession === 0) sessionId = crypto.randomUUID()
    count += 1
    const start = turnStart({ userId, sessionId, payers })
    const begun = await beginTurn(slow, start)
    expect(begun.verdict).toBe('run')
    const finished = await finishTurn(slow, start, turnEnd(), { historyLimit: 0 })
    expect(finished.outcome).toBe('stored')
  }
}

test('turns per second, begun and finished, with and without a cap on the site', async () => {
  const rows = []
  for (const commitMs of [0, 3])
    for (const clients of [1, 16, 32]) {
      const slow = withCommitMs(commitMs)
      const { without, withCap } = await compare(clients, {
        without: () => takeTurns(slow, false),
        withCap: () => takeTurns(slow, true),
      })
      rows.push({
        'commit takes, ms': `+${commitMs}`,
        clients,
        'no site cap, turns/s': round(without, 0),
        'site cap, turns/s': round(withCap, 0),
        ratio: round(withCap / without),
      })
    }
  await report('Turns per second, begun and finished, with and without a cap on the site', rows)
}, 600_000)
