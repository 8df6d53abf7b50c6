import type { TurnKey } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'

/** The turn that was stopped; null if none was running. */
export interface StoppedTurn {
  running: Pick<TurnKey, 'replyId' | 'lease'> | null
}

/**
 * Asks the running turn of a session to stop, which learns of it at its next checkpoint if nobody tells it sooner.
 * @returns undefined if the user has no such session
 */
export async function stopTurn(
  db: Database,
  userId: string,
  sessionId: string,
): Promise<StoppedTurn | undefined> {
  const query = rowsOf({
    reply_id: column.nullable(column.uuid),
    lease: column.nullable(column.uuid),
  })`
with session as (
  select id from sessions where id = ${sessionId} and user_id = ${userId}
), stopped as (
  update messages set stop_requested = true from session
  where session_id = session.id and status = 'streaming' and lease_expires_at > statement_timestamp()
  returning messages.id, messages.lease
)
select stopped.id as reply_id, stopped.lease from session left join stopped on true`.compile(
    db.kysely,
  )
  const [[row]] = await db.batch([query])
  if (row === undefined) return undefined
  const { reply_id: replyId, lease } = row
  return { running: replyId === null || lease === null ? null : { replyId, lease } }
}
