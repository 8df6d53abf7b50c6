import { sql } from 'kysely'
import type { Database } from '../../src/db/database.ts'
import { turnTerms } from '../../src/turn/recall/terms.ts'
import { countTokens } from '../../src/turn/tokens/token-count.ts'

export interface WrittenTurn {
  message: string
  contextText?: string | null
  reply: string
}

/** Writes a session of complete turns, with the terms that finish_turn stores. */
export async function writeTurns(
  { kysely }: Database,
  { userId, sessionId }: { userId: string; sessionId: string },
  turns: readonly WrittenTurn[],
): Promise<void> {
  const rows = turns.map(({ message, contextText = null, reply }) => {
    const { terms, messageTerms } = turnTerms(message, contextText, reply)
    const tokens = countTokens(message) + countTokens(contextText ?? '') + countTokens(reply)
    return { message, contextText, reply, terms, messageTerms, tokens }
  })
  await kysely
    .insertInto('sessions')
    .values({ id: sessionId, user_id: userId, metadata: '{}', next_seq: 2 * turns.length + 1 })
    .execute()
  await sql`
with turn as (
  select *, (2 * place)::integer as reply_seq
  from rows from (jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
    as (message text, "contextText" text, reply text, terms integer[], "messageTerms" integer, tokens integer))
    with ordinality as turn (message, context_text, reply, terms, message_terms, tokens, place)
)
insert into messages (session_id, id, seq, role, status, content, context_text, token_count, reply_to, finish_reason,
  turn_tokens, turn_tokens_bound, turn_tokens_exact, stop_requested, terms, message_terms)
select ${sessionId}::uuid, gen_random_uuid(), reply_seq - 1, 'user', 'complete', message, context_text, 1, null, null,
  null, null, null, null, null::integer[], null
from turn
union all
select ${sessionId}::uuid, gen_random_uuid(), reply_seq, 'assistant', 'complete', reply, null, 1, reply_seq - 1, 'stop',
  tokens, tokens, false, false, salted_terms(terms, ${sessionId}::uuid), message_terms
from turn`.execute(kysely)
}
