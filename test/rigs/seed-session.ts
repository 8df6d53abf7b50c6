import { sql } from 'kysely'
import type { Database } from '../../src/db/database.ts'

export interface SeededTurn {
  status: 'complete' | 'interrupted' | 'failed'
  /** Of the turn, without overhead. */
  tokens: number
  /** Replies to the same message before this one. */
  superseded?: number
}

/** Writes a session of many turns in a few statements. */
export async function seedSession(
  { kysely }: Database,
  { userId, sessionId }: { userId: string; sessionId: string },
  turns: readonly SeededTurn[],
): Promise<void> {
  let seq = 0
  const rows = turns.flatMap(({ status, tokens, superseded = 0 }) => {
    const messageSeq = (seq += 1)
    const replies = Array.from({ length: superseded + 1 }, (_, index) => ({
      seq: (seq += 1),
      role: 'assistant',
      status: index < superseded ? 'superseded' : status,
      content: status === 'failed' ? '' : `reply ${seq}`,
      reply_to: messageSeq,
      tokens,
    }))
    const content = `message ${messageSeq}`
    return [
      { seq: messageSeq, role: 'user', status: 'complete', content, reply_to: null, tokens: null },
      ...replies,
    ]
  })
  await kysely
    .insertInto('sessions')
    .values({ id: sessionId, user_id: userId, metadata: '{}', next_seq: seq + 1 })
    .execute()
  await sql`
insert into messages (session_id, id, seq, role, status, content, token_count, reply_to, finish_reason,
  turn_tokens, turn_tokens_bound, turn_tokens_exact, stop_requested)
select ${sessionId}, gen_random_uuid(), seq, role, status, content, coalesce(tokens, 1), reply_to,
  case role when 'assistant' then 'stop' end, tokens, tokens,
  case role when 'assistant' then false end, case role when 'assistant' then false end
from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
  as row (seq integer, role text, status text, content text, reply_to integer, tokens integer)`.execute(
    kysely,
  )
}
