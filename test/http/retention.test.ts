import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { unstable_readConfig as readConfig } from 'wrangler'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { createDeps } from '../../src/deps.ts'
import { createScheduled } from '../../src/retention.ts'
import { expireLease, takeTurn, turnStart } from '../rigs/conversation.ts'
import { midnightIsOver } from '../rigs/midnight.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'
import { startWorker, type TestWorker } from '../rigs/start-worker.ts'
import { tablesWith } from '../rigs/tables-with.ts'

/** A database of its own, since a run looks at every session. */
let database: TestDatabase
let db: Database
let worker: TestWorker
beforeAll(async () => {
  await midnightIsOver()
  database = await startDatabase()
  await database.migrate()
  db = createDatabase({ ...database, timeoutMs: 20_000 })
  worker = await startWorker({ vars: { RETENTION_DAYS: '30' }, database })
})
beforeEach(async () => {
  await database.exec('truncate sessions, messages, spending, ended_leases')
  worker.clear()
})
afterAll(async () => {
  await worker.close()
  await database.close()
})

/** Runs the trigger. @returns its one line of log */
async function run() {
  worker.clear()
  await worker.scheduled()
  const lines = await vi.waitUntil(() => worker.logs().length > 0 && worker.logs())
  expect(lines).toHaveLength(1)
  return JSON.parse(lines[0] ?? '')
}

/** Runs the trigger with other settings, in this process. */
async function runWith(settings: Record<string, string>) {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    await createScheduled(createDeps)(undefined, {
      DATABASE_URL: database.connectionString,
      NEON_HTTP_ENDPOINT: database.endpoint,
      OPENAI_API_KEY: 'sk-of-nobody',
      ...settings,
    })
    expect(log).toHaveBeenCalledTimes(1)
    return JSON.parse(String(log.mock.calls[0]?.[0]))
  } finally {
    log.mockRestore()
  }
}

const erased = (erased_sessions: number, looked_at: number, complete = true) => ({
  event: 'retention',
  erased_sessions,
  looked_at,
  pruned_spending: 0,
  complete,
  ms: expect.any(Number),
})

/** Moves the last activity of a session into the past. */
async function age(sessionId: string, days: number) {
  await sql`
update sessions set created_at = created_at - ${days} * interval '1 day',
  last_message_at = last_message_at - ${days} * interval '1 day'
where id = ${sessionId}`.execute(db.kysely)
}

async function seedEmptySessions(count: number, days: number) {
  await sql`
insert into sessions (id, user_id, created_at)
select gen_random_uuid(), 'visitor:' || number, statement_timestamp() - ${days} * interval '1 day'
from generate_series(1, ${count}::integer) number`.execute(db.kysely)
}

async function sessionIds() {
  const rows = await db.kysely.selectFrom('sessions').select('id').execute()
  return rows.map(({ id }) => id).toSorted()
}

test('the Worker is deployed with a cron trigger', () => {
  expect(readConfig({ config: 'wrangler.toml' }).triggers.crons).toHaveLength(1)
})

describe('RETENTION_DAYS', () => {
  test('erases only sessions without activity for so long, with their messages', async () => {
    const old = await takeTurn(db)
    const young = await takeTurn(db)
    const revived = await takeTurn(db)
    await age(old.start.sessionId, 31)
    await age(young.start.sessionId, 29)
    await age(revived.start.sessionId, 99)
    const { userId, sessionId } = revived.start
    await takeTurn(db, { userId, sessionId, createSession: false })
    await seedEmptySessions(3, 31)

    expect(await run()).toEqual(erased(4, 6))
    expect(await sessionIds()).toEqual([young.start.sessionId, sessionId].toSorted())
    expect(await tablesWith(db, old.start.sessionId)).toEqual([])
    expect(await run()).toEqual(erased(0, 2))
  })

  test('erases a session after exactly so many days: not a minute before, and a minute after', async () => {
    const minute = 1 / (24 * 60)
    const [spoken, spokenLater] = [await takeTurn(db), await takeTurn(db)]
    await age(spoken.start.sessionId, 30 + minute)
    await age(spokenLater.start.sessionId, 30 - minute)
    await seedEmptySessions(1, 30 + minute)
    await seedEmptySessions(1, 30 - minute)
    expect(await run()).toEqual(erased(2, 4))
    const left = await sessionIds()
    expect(left).toHaveLength(2)
    expect(left).toContain(spokenLater.start.sessionId)
  })

  test('spares a session only while its reply is running', async () => {
    const running = turnStart()
    await beginTurn(db, running)
    const { sessionId } = running
    await age(sessionId, 31)
    expect(await run()).toEqual(erased(0, 1))
    await expireLease(db, running)
    expect(await run()).toEqual(erased(1, 1))
    expect(await tablesWith(db, sessionId)).toEqual([])
  })

  test('looks at every session once, in calls of 2,000', async () => {
    await seedEmptySessions(7_000, 1)
    await seedEmptySessions(400, 31)
    expect(await run()).toEqual(erased(400, 7_400))
    // One call for the spending, and one more if the run began in the middle.
    expect(worker.database.calls.length).toBeLessThanOrEqual(1 + 4 + 1)
    expect(await sessionIds()).toHaveLength(7_000)
  })

  test('erases a backlog in runs within the calls that the platform allows', async () => {
    await seedEmptySessions(20_500, 31)
    const { erased_sessions, looked_at, complete } = await run()
    expect([complete, looked_at]).toEqual([false, erased_sessions])
    expect(erased_sessions).toBeGreaterThan(19_000)
    expect(worker.database.calls.length).toBeLessThanOrEqual(45)
    expect(await run()).toEqual(erased(20_500 - erased_sessions, 20_500 - erased_sessions))
    expect(await sessionIds()).toEqual([])
  }, 90_000)

  test('looks at as many sessions as a run may, from any starting point', async () => {
    await seedEmptySessions(82_000, 1)
    const { looked_at, complete } = await run()
    expect([complete, looked_at > 75_000]).toEqual([false, true])
    expect(worker.database.calls.length).toBeLessThanOrEqual(45)
  }, 90_000)

  test('keeps what it did before the database failed, logs the reason, and continues the next time', async () => {
    await seedEmptySessions(1_500, 31)
    worker.clear()
    let calls = 0
    worker.database.fault = ({ statements }) => {
      calls += statements[0]?.includes('looked') ? 1 : 0
      return calls > 1 ? 'reset before' : undefined
    }
    await worker.scheduled()
    const [line = ''] = await vi.waitUntil(() => worker.logs().length > 0 && worker.logs())
    const fault = expect.objectContaining({ name: 'Problem', code: 'database_unavailable' })
    const { erased_sessions, ...rest } = JSON.parse(line)
    expect(rest).toMatchObject({ event: 'retention', complete: false, fault })
    expect(await sessionIds()).toHaveLength(1_500 - erased_sessions)
    expect(await run()).toMatchObject({ erased_sessions: 1_500 - erased_sessions, complete: true })
  })
})

describe('spending', () => {
  const today = sql`(now() at time zone 'UTC')::date`
  const ago = (days: number) => sql<string>`${today} - ${days}::integer`
  const days = [0, 1, 2, 3, 29, 30, 31, 40]
  const upTo = (last: number) => days.filter((day) => day <= last)

  async function seedSpending() {
    const rows = days.flatMap((day) =>
      ['address:x', 'visitor:x', 'site'].map((payer) => ({ day: ago(day), payer, tokens: 1 })),
    )
    await db.kysely.insertInto('spending').values(rows).execute()
  }

  async function kept() {
    const { rows } = await sql<{ payer: string; days: number }>`
select payer, ${today} - day as days from spending order by payer, day desc`.execute(db.kysely)
    return Object.groupBy(
      rows.map((row) => `${row.payer} ${row.days}`),
      (row) => row.split(':')[0]?.split(' ')[0] ?? '',
    )
  }

  /** The days that are kept: everything up to so many days before today. */
  const keptUpTo = (last: { addresses: number; others: number }) => ({
    address: upTo(last.addresses).map((day) => `address:x ${day}`),
    visitor: upTo(last.others).map((day) => `visitor:x ${day}`),
    site: upTo(last.others).map((day) => `site ${day}`),
  })

  test('of an address is kept for two days, that of users and the site as long as sessions', async () => {
    await seedSpending()
    expect(await run()).toMatchObject({ pruned_spending: 5 + 2 * 2, complete: true })
    expect(await kept()).toEqual(keptUpTo({ addresses: 2, others: 30 }))
  })

  test('is kept for two days if RETENTION_DAYS is shorter, since a refund may come late', async () => {
    await seedSpending()
    const line = await runWith({ RETENTION_DAYS: '1' })
    expect(line).toMatchObject({ pruned_spending: 3 * 5, complete: true })
    expect(await kept()).toEqual(keptUpTo({ addresses: 2, others: 2 }))
  })

  test('is pruned a few thousand rows at a time', async () => {
    await sql`
insert into spending (day, payer, tokens)
select ${today} - 10 - number % 20, 'address:' || number, 1 from generate_series(1, 12000) number`.execute(
      db.kysely,
    )
    expect(await run()).toMatchObject({ pruned_spending: 12_000, complete: true })
    const calls = worker.database.calls.filter(({ statements }) => statements.length === 3)
    expect(calls).toHaveLength(3)
  }, 90_000)

  test('of an address is pruned without RETENTION_DAYS too, and nothing else is', async () => {
    await seedSpending()
    await seedEmptySessions(2, 4_000)
    expect(await runWith({})).toEqual({ ...erased(0, 0), pruned_spending: 5 })
    expect(await kept()).toEqual(keptUpTo({ addresses: 2, others: 40 }))
    expect(await sessionIds()).toHaveLength(2)
  })
})

describe('turns that ended without a reply', () => {
  test('are kept for two days, with or without RETENTION_DAYS, since their finish may come late', async () => {
    for (const settings of [{}, { RETENTION_DAYS: '30' }]) {
      await sql`
insert into ended_leases (lease, debited_tokens, debited_on)
select gen_random_uuid(), 1, (now() at time zone 'UTC')::date - days from generate_series(0, 5) days`.execute(
        db.kysely,
      )
      expect(await runWith(settings)).toMatchObject({ pruned_spending: 3, complete: true })
      const { rows } = await sql<{ days: number }>`
delete from ended_leases returning (now() at time zone 'UTC')::date - debited_on as days`.execute(
        db.kysely,
      )
      expect(new Set(rows.map(({ days }) => days))).toEqual(new Set([0, 1, 2]))
    }
  })
})

test('a wrong setting is reported by the run, without its value', async () => {
  const line = await runWith({ RETENTION_DAYS: 'canary' })
  expect(line).toMatchObject({ complete: false, fault: { code: 'misconfigured' } })
  expect(JSON.stringify(line)).not.toContain('canary')
})
