import { type RawBuilder, sql } from 'kysely'
import { rowsOf } from './rows-of.ts'

/**
 * First statement of every batch that changes several rows of a session: begin, finish and erase. It waits for the
 * other to commit, so that none sees half of another and no two wait for each other's rows (an erase takes them in
 * any order); it works before the session's row exists, and ends with the transaction.
 */
export function lockSession(sessionId: string) {
  return rowsOf({})`select ${sessionLock(sql`${sessionId}`)}`
}

/** The lock of one session; who takes several takes them in the order of ids, so that no two wait for each other. */
export function sessionLock(id: RawBuilder<unknown>) {
  return sql`pg_advisory_xact_lock(${sessionLockKey(id)})`
}

export function sessionLockKey(id: RawBuilder<unknown>) {
  return sql`hashtextextended(${id}::text, 0)`
}
