import type { StoredReply } from '../turn/turn.ts'
import * as column from './columns.ts'
import type { Database } from './database.ts'
import { toMessage } from './messages.ts'
import { rowsOf } from './rows-of.ts'
import { MessageJson } from './turns/turn-json.ts'

/** The news of a reply: more text while it is being written, or the whole reply once it has ended. */
export type ReplyGrowth = { more: string } | { ended: StoredReply }

/** Two columns, one of them null: the descriptions of a message's own columns are longer than most growth. */
const growthColumns = {
  more: column.nullable(column.text),
  ended: column.nullable(column.json(MessageJson)),
}

/**
 * Reads what a running reply has gained, so that watching it costs its text once.
 * @param codePoints the length of the text that is known, as Postgres counts it: a character beyond the first plane is
 * one, not two
 * @returns undefined if the user has no such reply
 */
export async function findReplyGrowth(
  db: Database,
  { userId, sessionId, id }: { userId: string; sessionId: string; id: string },
  codePoints: number,
): Promise<ReplyGrowth | undefined> {
  const [[row]] = await db.batch([
    rowsOf(growthColumns)`
select case when is_running then substring(reply.content from ${codePoints + 1}::integer) end as more,
  case when is_running then null else message_json(reply, statement_timestamp()) end as ended
from messages reply
join sessions on sessions.id = reply.session_id
cross join lateral (
  select reply.status = 'streaming' and reply.lease_expires_at > statement_timestamp() as is_running
) now
where reply.session_id = ${sessionId} and reply.id = ${id} and reply.role = 'assistant' and user_id = ${userId}`.compile(
      db.kysely,
    ),
  ])
  if (row === undefined) return undefined
  const { more, ended } = row
  if (ended === null) return { more: more ?? '' }
  return { ended: { reply: toMessage(ended), errorCode: ended.error_code } }
}
