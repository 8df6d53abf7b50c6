import { sql } from 'kysely'
import type { WindowLimits, WindowTurn } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'
import { isExpiredWithText, type Skipped, skippedIn, toTurn, turnColumns } from './sent-turns.ts'

/** The history that the model would be sent with the session's next message. */
export interface NextContext {
  /** The `seq` that the next message would get. */
  nextSeq: number
  /** Oldest first. */
  turns: WindowTurn[]
  skipped: Skipped[]
}

/** The window of the session's next turn; undefined if the user has no such session. */
export async function findNextContext(
  db: Database,
  { userId, sessionId }: { userId: string; sessionId: string },
  window: WindowLimits,
): Promise<NextContext | undefined> {
  const { maxTurns, tokens, overheadTokens, countedBy } = window
  // The next begin would settle a reply whose lease has expired, and send its text. A receipt does not settle it, as its
  // Worker may still finish it.
  const session = sql`(
  select sessions.id, next_seq, expired.seq as expired_seq, coalesce(expired.reply_to, next_seq) as before,
    coalesce(expired.tokens, 0) as expired_tokens
  from sessions left join lateral (
    select seq, reply_to, ${overheadTokens}::integer + turn_tokens_bound as tokens from messages
    where session_id = sessions.id and ${isExpiredWithText}
  ) expired on true
  where sessions.id = ${sessionId} and user_id = ${userId}
) session`
  const turns = sql`(
  select * from turn_window(session.id, session.before,
    greatest(${maxTurns}::integer - (session.expired_seq is not null)::integer, 0),
    ${tokens}::integer - session.expired_tokens, ${overheadTokens}, ${countedBy})
  union all
  select message.seq, session.expired_tokens, false, message.content, message.context_text, reply.content, reply.seq
  from messages reply
  join messages message on message.session_id = reply.session_id and message.seq = reply.reply_to
    and message.status <> 'superseded'
  where reply.session_id = session.id and reply.seq = session.expired_seq and reply.status = 'streaming'
    and session.expired_tokens <= ${tokens}::integer and ${maxTurns}::integer > 0
)`
  const bounds = sql`
select session.id, coalesce(min(turn.seq), session.next_seq) as window_from, session.next_seq as before
from ${session} left join lateral ${turns} turn on true
group by session.id, session.next_seq`
  const [[found], rows, skipped] = await db.batch([
    rowsOf({ next_seq: column.integer })`select next_seq from ${session}`.compile(db.kysely),
    rowsOf(
      turnColumns,
    )`select turn.* from ${session} cross join lateral ${turns} turn order by turn.seq`.compile(
      db.kysely,
    ),
    skippedIn(bounds).compile(db.kysely),
  ])
  return found && { nextSeq: found.next_seq, turns: rows.map(toTurn), skipped }
}
