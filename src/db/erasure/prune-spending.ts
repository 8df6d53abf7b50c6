import { sql } from 'kysely'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'
import { today } from '../spending.ts'

/** The rows of each kind that a call deletes, at most. */
const maxRows = 5_000

/** For how many days before today it is kept; `otherDays` undefined: for ever. */
export interface SpendingKept {
  /** Spending of addresses, and turns in `ended_leases`. */
  shortDays: number
  /** All other spending. */
  otherDays: number | undefined
}

/**
 * Deletes old spending, oldest first: that of addresses, and that of all payers. Deletes old turns in `ended_leases`, too.
 * @returns how many rows were deleted, and whether there may be more
 */
export async function pruneSpending(
  db: Database,
  { shortDays, otherDays }: SpendingKept,
): Promise<{ pruned: number; more: boolean }> {
  // One day at a time, so that the index finds the addresses of a day among rows that are kept for ever.
  const addresses = sql`
select spending.day, spending.payer
from generate_series((select min(day) from spending), ${today} - ${shortDays + 1}::integer, interval '1 day') old
cross join lateral (
  select day, payer from spending where day = old::date and payer like 'address:%'
) spending`
  const others = sql`
select day, payer from spending where day < ${today} - ${otherDays ?? null}::integer order by day`
  const endedTurns = rowsOf({ pruned: column.integer })`
with old as (
select lease from ended_leases where debited_on < ${today} - ${shortDays}::integer limit ${maxRows}
), pruned as (
  delete from ended_leases using old where ended_leases.lease = old.lease returning 1
)
select count(*)::integer as pruned from pruned`.compile(db.kysely)
  const spending = (otherDays === undefined ? [addresses] : [addresses, others]).map((rows) =>
    rowsOf({ pruned: column.integer })`
with old as (${rows} limit ${maxRows}
), pruned as (
  delete from spending using old where spending.day = old.day and spending.payer = old.payer returning 1
)
select count(*)::integer as pruned from pruned`.compile(db.kysely),
  )
  const results = await db.batch([endedTurns, ...spending])
  const counts = results.map(([row]) => row?.pruned ?? 0)
  return {
    pruned: counts.reduce((sum, count) => sum + count, 0),
    more: counts.includes(maxRows),
  }
}
