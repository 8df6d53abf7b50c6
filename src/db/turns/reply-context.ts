import { sql } from 'kysely'
import type { SentPrompt, WindowTurn } from '../../turn/turn.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'
import { tables } from '../schema.ts'
import { type Skipped, skippedIn, toTurn, turnColumns } from './sent-turns.ts'

const { messages } = tables

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
