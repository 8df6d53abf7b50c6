import type { Database } from './db/database.ts'
import { eraseExpired } from './db/erasure/erase-expired.ts'
import { pruneSpending } from './db/erasure/prune-spending.ts'
import type { Deps } from './deps.ts'
import { describeFault } from './errors.ts'
import { databaseCalls } from './limits.ts'

const maxSpendingCalls = 5
const maxSessionCalls = databaseCalls.perRequest - maxSpendingCalls

/** A refund may come minutes after the end of its day, but never days. */
const spendingDays = 2

const firstId = '00000000-0000-0000-0000-000000000000'
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Counts what the run did, also if a later call fails. */
interface RetentionRun {
  erased_sessions: number
  looked_at: number
  pruned_spending: number
}

/**
 * The Worker's cron trigger: erases sessions after `RETENTION_DAYS` without activity, and old spending, in bounded
 * batches. Each run logs one line and never throws: the next run continues.
 */
export function createScheduled(depsOf: (bindings: object) => Deps) {
  return async (_controller: unknown, bindings: object): Promise<void> => {
    const beginsAt = Date.now()
    const run = { erased_sessions: 0, looked_at: 0, pruned_spending: 0 }
    const both = [eraseOldSessions, pruneOldSpending].map(async (forget) => {
      const { db, access } = depsOf(bindings)
      return forget(db, access.retentionDays, run)
    })
    const results = await Promise.allSettled(both)
    const complete = results.every((result) => result.status === 'fulfilled' && result.value)
    const fault = results.find((result) => result.status === 'rejected')
    console.log(
      JSON.stringify({
        event: 'retention',
        ...run,
        complete,
        ms: Date.now() - beginsAt,
        ...(fault && { fault: describeFault(fault.reason) }),
      }),
    )
  }
}

/** @returns whether all old spending is deleted */
async function pruneOldSpending(
  db: Database,
  days: number | undefined,
  run: RetentionRun,
): Promise<boolean> {
  const otherDays = days === undefined ? undefined : Math.max(days, spendingDays)
  for (let calls = 0; calls < maxSpendingCalls; calls += 1) {
    const { pruned, more } = await pruneSpending(db, { shortDays: spendingDays, otherDays })
    run.pruned_spending += pruned
    if (!more) return true
  }
  return false
}

/**
 * Looks at all sessions. If there are more than a run may look at, each run looks at different ones: it begins at a
 * random id and continues from the first id after the last, because nothing stores where the previous run ended.
 * @returns whether it looked at all sessions
 */
async function eraseOldSessions(
  db: Database,
  days: number | undefined,
  run: RetentionRun,
): Promise<boolean> {
  if (days === undefined) return true
  const start = crypto.randomUUID()
  const ranges = [
    { after: start, until: lastId },
    { after: firstId, until: start },
  ]
  let calls = 0
  for (const { after, until } of ranges) {
    let place: string | undefined = after
    while (place !== undefined) {
      if (calls === maxSessionCalls) return false
      calls += 1
      const { lookedAt, erased, reached } = await eraseExpired(db, days, { after: place, until })
      run.looked_at += lookedAt
      run.erased_sessions += erased
      place = reached
    }
  }
  return true
}
