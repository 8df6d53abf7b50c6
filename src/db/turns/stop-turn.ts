import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'

/**
 * Asks the running turn of a session to stop. The Worker that runs it learns of the stop at its next checkpoint.
 * @returns whether a turn was running; undefined if the user has no such session
 */
export async function stopTurn(
  db: Database,
  userId: string,
  sessionId: string,
): Promise<boolean | undefined> {
  const query = rowsOf({ stopped: column.boolean })`
with session as (
  select id from sessions where id = ${sessionId} and user_id = ${userId}
), stopped as (
  update messages set stop_requested = true from session
  where session_id = session.id and status = 'streaming' and lease_expires_at > statement_timestamp()
  returning seq
)
select exists (select from stopped) as stopped from session`.compile(db.kysely)
  const [[row]] = await db.batch([query])
  return row?.stopped
}
