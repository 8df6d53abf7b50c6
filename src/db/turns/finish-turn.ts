import { type CompiledQuery, type RawBuilder, sql } from 'kysely'
import type { Message } from '../../protocol.ts'
import type { Database } from '../database.ts'
import {
  currentStatus,
  type History,
  historyQuery,
  type MessageRecord,
  toHistory,
  toMessage,
} from '../messages.ts'
import { lockSession } from '../session-lock.ts'
import type { TurnEnd, TurnKey, TurnTokens } from './turn-end.ts'

/**
 * Stores the reply as far as it has come and renews the lease. One that arrives late takes nothing back.
 * @returns `stop` where the visitor asked for it, `lost` where the lease was taken over or the session erased
 */
export async function checkpointTurn(
  db: Database,
  turn: TurnKey,
  progress: { content: string; tokens: TurnTokens; leaseMs: number; timeoutMs: number },
): Promise<'go_on' | 'stop' | 'lost'> {
  const { timeoutMs } = progress
  const [[row]] = await db.batch([checkpointQuery(db, turn, progress)], { timeoutMs })
  if (row === undefined) return 'lost'
  return row.stop_requested ? 'stop' : 'go_on'
}

function checkpointQuery(
  db: Database,
  { sessionId, replyId, lease }: TurnKey,
  { content, tokens, leaseMs }: { content: string; tokens: TurnTokens; leaseMs: number },
): CompiledQuery<{ stop_requested: boolean }> {
  const turnTokens = tokens.message + tokens.reply
  return sql<{ stop_requested: boolean }>`
update messages
set content = case when octet_length(content) > octet_length(${content}::text) then content else ${content} end,
  token_count = greatest(token_count, ${tokens.reply}), turn_tokens = greatest(turn_tokens, ${turnTokens}),
  turn_tokens_bound = greatest(turn_tokens_bound, ${turnTokens}),
  lease_expires_at = statement_timestamp() + ${leaseMs} * interval '1 millisecond'
where session_id = ${sessionId} and id = ${replyId} and status = 'streaming' and lease = ${lease}
returning stop_requested`.compile(db.kysely)
}

export type Finished =
  | { outcome: 'stored'; reply: Message; history: History }
  /** The lease was taken over: what the session holds is somebody else's word. */
  | { outcome: 'taken_over' }
  | { outcome: 'session_deleted' }

/**
 * Stores how a turn ended, where the reply still bears its lease, and refunds of its debit what was not spent: one round
 * trip. Asked again it finds what it did.
 * @param options.historyLimit reads that many of the session's newest messages too, as they are after the write
 */
export async function finishTurn(
  db: Database,
  turn: TurnKey,
  end: TurnEnd,
  options: { historyLimit: number; timeoutMs?: number },
): Promise<Finished> {
  const { rows, history } = await store(db, turn, end, options)
  const [row] = rows
  if (row === undefined) return { outcome: 'session_deleted' }
  if (row.id === null) return { outcome: 'taken_over' }
  return { outcome: 'stored', reply: toMessage(row), history }
}

async function store(
  db: Database,
  turn: TurnKey,
  end: TurnEnd,
  options: { historyLimit: number; timeoutMs?: number },
): Promise<{ rows: (MessageRecord | { id: null })[]; history: History }> {
  const { sessionId } = turn
  const queries = [
    lockSession(sessionId).compile(db.kysely),
    finishQuery(db, turn, end),
    replyQuery(db, turn),
  ] as const
  // The last: it locks the site's row, which is everybody's.
  const refund = refundQuery(db, turn, end)
  if (options.historyLimit === 0) {
    const [, , rows] = await db.batch([...queries, refund], options)
    return { rows, history: { messages: [], hasMore: true } }
  }
  const newest = historyQuery(db, { sessionId, limit: options.historyLimit }, hasLease(turn))
  const [, , rows, history] = await db.batch([...queries, newest, refund], options)
  return { rows, history: toHistory(history) }
}

/**
 * The reply, and what the provider's usage tells of the message before it: the prompt grew, since the turn before,
 * by that turn's reply and by this message, less what left the window. So the system prompt, whose exact count
 * nobody tells, falls out of the sum. Told only where all else in it is the same provider's figure; else the bound
 * stays. (Two turns are compared because one equation has two unknowns, system prompt and message.)
 */
function finishQuery(
  db: Database,
  { sessionId, replyId, lease }: TurnKey,
  end: TurnEnd,
): CompiledQuery<never> {
  const { tokens, overheadTokens, countedBy, usage } = end
  const replyTokens = end.toldReplyTokens ?? tokens.reply
  return sql<never>`
with mine as (
  select id, reply_to from messages
  where session_id = ${sessionId} and id = ${replyId} and status = 'streaming' and lease = ${lease}
), previous as (
  select newest.* from mine cross join lateral (
    select window_from, prompt_tokens, token_count, counted_by from messages
    where session_id = ${sessionId} and role = 'assistant' and status in ('complete', 'interrupted')
      and seq < mine.reply_to
    order by seq desc limit 1
  ) newest
  where newest.counted_by = ${countedBy}
), dropped as (
  select coalesce(sum(turn_tokens + ${overheadTokens}::integer), 0)::integer as tokens,
    coalesce(bool_and(turn_tokens_exact and messages.counted_by = ${countedBy}), true) as exact
  from messages, previous
  where session_id = ${sessionId} and role = 'assistant' and status in ('complete', 'interrupted')
    and seq > previous.window_from and seq < ${end.windowFrom}
), told as (
  select ${usage?.prompt_tokens ?? null}::integer - prompt_tokens - token_count - ${overheadTokens}::integer
    + dropped.tokens as tokens
  from previous, dropped
  where dropped.exact and window_from <= ${end.windowFrom}
), believed as (
  select tokens from told where tokens between 1 and ${end.messageBytes}
), message as (
  update messages set token_count = believed.tokens from mine, believed
  where session_id = ${sessionId} and seq = mine.reply_to and messages.status <> 'superseded'
)
update messages set
  status = ${end.status}, content = ${end.content}, finish_reason = ${end.finishReason},
  error_code = ${end.errorCode}, model = ${end.model},
  prompt_tokens = ${usage?.prompt_tokens ?? null}, completion_tokens = ${usage?.completion_tokens ?? null},
  window_from = ${end.windowFrom}, token_count = ${replyTokens}::integer,
  turn_tokens = coalesce((select tokens from believed), ${tokens.message}::integer) + ${replyTokens}::integer,
  turn_tokens_bound = ${tokens.message + tokens.reply}::integer,
  turn_tokens_exact = exists (select from believed) and ${end.toldReplyTokens !== undefined},
  counted_by = ${end.toldReplyTokens === undefined ? null : countedBy}
from mine
where messages.session_id = ${sessionId} and messages.id = mine.id and messages.lease = ${lease}`.compile(
    db.kysely,
  )
}

/** No row where the session was erased; one without a reply where that was taken over: it is not this turn's to read. */
function replyQuery(db: Database, { sessionId, replyId, lease }: TurnKey) {
  return sql<MessageRecord | { id: null }>`
select reply.* from (
  select from messages where session_id = ${sessionId} and id = ${replyId}
) standing left join (
  select *, ${currentStatus} from messages
  where session_id = ${sessionId} and id = ${replyId} and lease = ${lease}
) reply on true`.compile(db.kysely)
}

function hasLease({ sessionId, replyId, lease }: TurnKey): RawBuilder<boolean> {
  return sql`exists (
  select from messages where session_id = ${sessionId} and id = ${replyId} and lease = ${lease})`
}

/**
 * Sets what the turn cost against its debit, where this very transaction has stored the reply (`xmin` names the one
 * that wrote a row): so once, also where it is asked for again. Rows in the order of `begin`, the site's first.
 */
function refundQuery(
  db: Database,
  { sessionId, replyId, lease, payers }: TurnKey,
  { spent }: TurnEnd,
): CompiledQuery<never> {
  const tokens = spent.prompt_tokens + spent.completion_tokens
  return sql<never>`
with reply as (
  select debited_tokens, debited_on from messages
  where session_id = ${sessionId} and id = ${replyId} and lease = ${lease}
    and xmin = pg_current_xact_id_if_assigned()::xid
), debited as (
  select day, spending.payer, debited_tokens
  from reply, unnest(${payers.map(({ name }) => name)}::text[]) with ordinality as payers (payer, place), spending
  where spending.day = reply.debited_on and spending.payer = payers.payer
  order by payers.payer <> 'site', place
  for update of spending
)
update spending set
  tokens = tokens - debited_tokens + ${tokens}::bigint,
  prompt_tokens = prompt_tokens + ${spent.prompt_tokens}::bigint,
  completion_tokens = completion_tokens + ${spent.completion_tokens}::bigint
from debited where spending.day = debited.day and spending.payer = debited.payer`.compile(db.kysely)
}
