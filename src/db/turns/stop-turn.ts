import { sql } from 'kysely'
import type { Database } from '../database.ts'

/**
 * Asks the running turn of a session to stop; its Worker, wherever it is, learns of it at its next checkpoint.
 * @returns whether a turn was running; undefined where the user has no such session
 */
export async function stopTurn(
  db: Database,
  userId: string,
  sessionId: string,
): Promise<boolean | undefined> {
  const [row] = (
    await sql<{ stopped: boolean }>`
with session as (
  select id from sessions where id = ${sessionId} and user_id = ${userId}
), stopped as (
  update messages set stop_requested = true from session
  where session_id = session.id and status = 'streaming' and lease_expires_at > statement_timestamp()
  returning seq
)
select exists (select from stopped) as stopped from session`.execute(db.kysely)
  ).rows
  return row?.stopped
}
