import { type RawBuilder, sql } from 'kysely'
import type { TurnStart } from './turn-start.ts'

export interface WindowRow {
  seq: number
  message: string
  context_text: string | null
  reply: string
  tokens: number
}

/**
 * The turns before a `seq` that the window holds, cut on the index alone, newest first.
 * @param before an integer of SQL
 */
export function windowTurns({ sessionId, window: limits }: TurnStart, before: RawBuilder<number>) {
  return sql`
select seq, reply_to, tokens from (
  select *, sum(tokens) over (order by seq desc) as total from (
    select seq, reply_to, ${limits.overheadTokens}::integer
      + case counted_by when ${limits.countedBy} then turn_tokens else turn_tokens_bound end as tokens
    from messages
    where session_id = ${sessionId} and role = 'assistant' and status in ('complete', 'interrupted')
      and seq < ${before}
    order by seq desc limit ${limits.maxTurns}
  ) newest
) cut
where total <= ${limits.tokens}`
}

/**
 * Fetches the turns that were cut: a JSON array of `WindowRow`, oldest first.
 * @param turns what `windowTurns` gave
 */
export function windowMessages({ sessionId }: TurnStart, turns: RawBuilder<unknown>) {
  return sql`
select coalesce(json_agg(json_build_object('seq', turn.reply_to, 'message', message.content,
  'context_text', message.context_text, 'reply', reply.content, 'tokens', turn.tokens) order by turn.seq), '[]')
from ${turns} turn
cross join lateral (
  select content, context_text from messages
  where session_id = ${sessionId} and status <> 'superseded' and seq = turn.reply_to limit 1
) message
cross join lateral (
  select content from messages
  where session_id = ${sessionId} and status <> 'superseded' and seq = turn.seq limit 1
) reply`
}
