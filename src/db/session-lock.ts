import { type RawBuilder, sql } from 'kysely'
import { rowsOf } from './rows-of.ts'

/**
 * The first statement of every batch that changes several rows of a session: begin, finish and erase. It waits until
 * other such batches have committed. So no batch sees half of another, and two never wait for each other's rows (an
 * erase locks them in any order). The lock works before the session's row exists, and ends with the transaction.
 */
export function lockSession(sessionId: string) {
  return rowsOf({})`select ${sessionLock(sql`${sessionId}`)}`
}

/** The lock of one session. A statement that takes several takes them in the order of ids, so that two never wait for each other. */
export function sessionLock(id: RawBuilder<unknown>) {
  return sql`pg_advisory_xact_lock(${sessionLockKey(id)})`
}

export function sessionLockKey(id: RawBuilder<unknown>) {
  return sql`hashtextextended(${id}::text, 0)`
}
