import { type RawBuilder, sql } from 'kysely'
import type { LeftOut } from '../../protocol-receipt.ts'
import type { SentPrompt, WindowLimits, WindowTurn } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { type RowOf, rowsOf } from '../rows-of.ts'
import { tables } from '../schema.ts'

/** Reads for receipts: what a model would be sent, and what it was sent. They change nothing. */

export interface NextContext {
  /** The `seq` that the next message would get. */
  nextSeq: number
  /** Oldest first. */
  turns: WindowTurn[]
  skipped: Skipped[]
}

/** Turns outside the window, or inside its range but not sent. */
export interface Skipped extends Pick<LeftOut, 'from_seq' | 'to_seq' | 'turns'> {
  reason: 'older_than_window' | 'failed' | 'superseded' | 'running'
}

const { messages } = tables

const turnColumns = {
  seq: column.integer,
  tokens: column.integer,
  exact: column.boolean,
  message: column.text,
  context_text: messages.context_text,
  reply: column.text,
  reply_seq: column.integer,
}

const skippedColumns = {
  from_seq: column.integer,
  to_seq: column.integer,
  turns: column.integer,
  reason: column.oneOf<Skipped['reason']>(),
}

/** Counts in a window as soon as its turn is settled. */
const isExpiredWithText = sql`status = 'streaming' and lease_expires_at <= statement_timestamp() and content <> ''`

/** How many failed, superseded or running replies a receipt lists. */
const maxSkipped = 50

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

/** A reply, and what the model was sent for it. */
export interface ReplyContext {
  sent: Omit<SentPrompt, 'windowFrom'>
  /** Null if it was not recorded. */
  systemTokens: number | null
  message: { seq: number; content: string; contextText: string | null; tokens: number }
  model: string | null
  promptTokens: number | null
  completionTokens: number | null
  turns: WindowTurn[]
  skipped: Skipped[]
}

const replyColumns = {
  seq: messages.seq,
  window_from: messages.window_from,
  recalled: messages.recalled,
  recalled_tokens: messages.recalled_tokens,
  system_tokens: messages.system_tokens,
  model: messages.model,
  prompt_tokens: messages.prompt_tokens,
  completion_tokens: messages.completion_tokens,
  content: messages.content,
  context_text: messages.context_text,
  token_count: messages.token_count,
}

/** What the model was sent for a reply; undefined if the user has no such reply. */
export async function findReplyContext(
  db: Database,
  { userId, sessionId, replyId }: { userId: string; sessionId: string; replyId: string },
  overheadTokens: number,
): Promise<ReplyContext | undefined> {
  // No turn before a reply can change once its turn has begun, so the range still holds what was sent.
  const reply = sql`(
  select r.* from messages r join sessions on sessions.id = r.session_id
  where r.session_id = ${sessionId} and r.id = ${replyId} and r.role = 'assistant' and user_id = ${userId}
) reply`
  const [[found], rows, skipped] = await db.batch([
    rowsOf(replyColumns)`
select message.seq, reply.window_from, reply.recalled, reply.recalled_tokens, reply.system_tokens, reply.model,
  reply.prompt_tokens, reply.completion_tokens, message.content, message.context_text, message.token_count
from ${reply} join messages message
  on message.session_id = reply.session_id and message.seq = reply.reply_to and message.status <> 'superseded'`.compile(
      db.kysely,
    ),
    rowsOf(turnColumns)`
select message.seq, ${overheadTokens}::integer
    + case when turn.counted_by = reply.counted_by then turn.turn_tokens else turn.turn_tokens_bound end as tokens,
  coalesce(turn.counted_by = reply.counted_by, false) and turn.turn_tokens_exact as exact,
  message.content as message, message.context_text, turn.content as reply, turn.seq as reply_seq
from ${reply}
join messages turn on turn.session_id = reply.session_id and turn.role = 'assistant'
  and turn.status in ('complete', 'interrupted') and turn.seq > reply.window_from and turn.seq < reply.reply_to
join messages message
  on message.session_id = turn.session_id and message.seq = turn.reply_to and message.status <> 'superseded'
order by turn.seq`.compile(db.kysely),
    skippedIn(
      sql`select session_id as id, window_from, reply_to as before from ${reply} where window_from is not null`,
    ).compile(db.kysely),
  ])
  return (
    found && {
      sent: { recalled: found.recalled ?? [], recalledTokens: found.recalled_tokens },
      systemTokens: found.system_tokens,
      message: {
        seq: found.seq,
        content: found.content,
        contextText: found.context_text,
        tokens: found.token_count,
      },
      model: found.model,
      promptTokens: found.prompt_tokens,
      completionTokens: found.completion_tokens,
      turns: rows.map(toTurn),
      skipped,
    }
  )
}

/** What is not sent, newest first: one row for all older turns that count, and one for each later reply that does not. */
function skippedIn(bounds: RawBuilder<unknown>) {
  return rowsOf(skippedColumns)`
with bounds as (${bounds}
), older as (
  select min(seq) as from_seq, max(seq) as to_seq, count(*)::integer as turns, 'older_than_window' as reason
  from bounds join messages m on m.session_id = bounds.id and role = 'assistant' and status in ('complete', 'interrupted')
    and seq < bounds.window_from
), skipped as (
  select seq as from_seq, seq as to_seq, 1 as turns, case
      when status = 'superseded' then 'superseded'
      when status = 'streaming' and lease_expires_at > statement_timestamp() then 'running'
      else 'failed' end as reason
  from bounds cross join older join messages m on m.session_id = bounds.id and role = 'assistant'
    and seq > coalesce(older.to_seq, 0) and seq < bounds.before
    and status not in ('complete', 'interrupted') and not (${isExpiredWithText})
  order by seq desc limit ${maxSkipped}
)
select * from skipped union all select * from older where turns > 0 order by to_seq desc`
}

function toTurn({
  context_text: contextText,
  reply_seq: replySeq,
  ...row
}: RowOf<typeof turnColumns>): WindowTurn {
  return { ...row, contextText, replySeq }
}
