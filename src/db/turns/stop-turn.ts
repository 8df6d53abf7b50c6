import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'

/** Whether a turn was running, and its reply. */
export interface StoppedTurn {
  stopped: boolean
  replyId: string | null
}

/**
 * Asks the running turn of a session to stop. The turn learns of it at its next checkpoint.
 * @returns undefined if the user has no such session
 */
export async function stopTurn(
  db: Database,
  userId: string,
  sessionId: string,
): Promise<StoppedTurn | undefined> {
  const query = rowsOf({ reply_id: column.nullable(column.uuid) })`
with session as (
  select id from sessions where id = ${sessionId} and user_id = ${userId}
), stopped as (
  update messages set stop_requested = true from session
  where session_id = session.id and status = 'streaming' and lease_expires_at > statement_timestamp()
  returning messages.id
)
select stopped.id as reply_id from session left join stopped on true`.compile(db.kysely)
  const [[row]] = await db.batch([query])
  return row && { stopped: row.reply_id !== null, replyId: row.reply_id }
}
