import { sql } from 'kysely'
import type { SentPrompt } from '../../turn/turn-end.ts'
import type { RecalledTurn, WindowTurn } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { type RowOf, rowsOf } from '../rows-of.ts'
import { tables } from '../schema.ts'
import {
  beforeColumns,
  leftOutColumns,
  type LeftOutTurns,
  type PromptBefore,
  toPromptBefore,
  toTurn,
  turnColumns,
} from './sent-turns.ts'

const { messages } = tables

/** A reply, and what the model was sent for it. */
export interface ReplyContext {
  sent: Omit<SentPrompt, 'recalled'>
  /** Null if it was not recorded. */
  systemTokens: number | null
  message: { seq: number; content: string; contextText: string | null; tokens: number }
  model: string | null
  promptTokens: number | null
  completionTokens: number | null
  cachedTokens: number | null
  /** The text that was continued last, and a bound of what was sent of it with the request; undefined if it never was. */
  continued: { content: string; tokens: number } | undefined
  turns: WindowTurn[]
  /** Oldest first. */
  recalled: RecalledTurn[]
  /** Undefined for the session's first reply. */
  before: PromptBefore | undefined
  leftOut: LeftOutTurns[]
}

const replyColumns = {
  seq: messages.seq,
  window_from: messages.window_from,
  recalled_elsewhere: messages.recalled_elsewhere,
  recalled_tokens: messages.recalled_tokens,
  system_tokens: messages.system_tokens,
  model: messages.model,
  prompt_tokens: messages.prompt_tokens,
  completion_tokens: messages.completion_tokens,
  cached_tokens: messages.cached_tokens,
  content: messages.content,
  context_text: messages.context_text,
  token_count: messages.token_count,
  continued_tokens: messages.continued_tokens,
  continued: column.nullable(column.text),
}

const quotedColumns = {
  seq: column.integer,
  reply_seq: column.integer,
  created_at: column.timestamp,
  message: column.text,
  context_text: messages.context_text,
  reply: column.text,
}

/** Reads what the model was sent for a reply; undefined if the user has no such reply. */
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
  const message = sql`messages message
  on message.session_id = turn.session_id and message.seq = turn.reply_to and message.status <> 'superseded'`
  const [[found], rows, recalled, [before], leftOut] = await db.batch([
    rowsOf(replyColumns)`
select message.seq, reply.window_from, reply.recalled_elsewhere, reply.recalled_tokens, reply.system_tokens, reply.model,
  reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens,
  message.content, message.context_text, message.token_count,
  reply.continued_tokens, left(reply.content, reply.continued_from) as continued
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
join ${message}
order by turn.seq`.compile(db.kysely),
    rowsOf(quotedColumns)`
select message.seq, turn.seq as reply_seq, turn.created_at, left(message.content, 8000) as message,
  message.context_text, left(turn.content, 8000) as reply
from ${reply}
join messages turn on turn.session_id = reply.session_id and turn.seq = any (reply.recalled)
  and turn.status <> 'superseded'
join ${message}
order by turn.seq`.compile(db.kysely),
    rowsOf(beforeColumns)`
select before.* from ${reply} cross join lateral turn_before(reply.session_id, reply.reply_to) before`.compile(
      db.kysely,
    ),
    rowsOf(leftOutColumns)`
select left_out.* from ${reply}
cross join lateral turns_left_out(reply.session_id, reply.window_from, null, reply.reply_to) left_out
where reply.window_from is not null`.compile(db.kysely),
  ])
  if (found === undefined) return undefined
  return {
    ...toSent(found),
    turns: rows.map(toTurn),
    recalled: recalled.map(toQuotedTurn),
    before: before && toPromptBefore(before),
    leftOut,
  }
}

function toSent(row: RowOf<typeof replyColumns>) {
  return {
    sent: {
      windowFrom: row.window_from ?? row.seq,
      recalledElsewhere: row.recalled_elsewhere,
      recalledTokens: row.recalled_tokens,
    },
    systemTokens: row.system_tokens,
    message: {
      seq: row.seq,
      content: row.content,
      contextText: row.context_text,
      tokens: row.token_count,
    },
    model: row.model,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    cachedTokens: row.cached_tokens,
    continued:
      row.continued === null
        ? undefined
        : { content: row.continued, tokens: row.continued_tokens ?? 0 },
  }
}

function toQuotedTurn({
  context_text: contextText,
  reply_seq: replySeq,
  created_at: createdAt,
  ...row
}: RowOf<typeof quotedColumns>): RecalledTurn {
  return { ...row, contextText, replySeq, createdAt: createdAt.toISOString() }
}
