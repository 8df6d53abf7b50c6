import { sql } from 'kysely'

/**
 * First statement of every batch that changes who may write what in a session: begin and erase. It waits for the
 * other to commit, works before the session's row exists, and ends with the transaction.
 */
export function lockSession(sessionId: string) {
  return sql<never>`select pg_advisory_xact_lock(hashtextextended(${sessionId}::text, 0))`
}
