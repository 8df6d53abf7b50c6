import { sql } from 'kysely'
import type { MessageRecord } from '../messages.ts'
import { sessionLock } from '../session-lock.ts'
import { type Payer, today } from '../spending.ts'
import type { TurnStart } from './turn-start.ts'
import { windowMessages, windowTurns, type WindowRow } from './window-turns.ts'

/** With the message of a turn that is new; its columns are null else. */
export type Decision = (MessageRecord | { id: null }) & {
  verdict:
    | 'new'
    | 'again'
    | 'instead'
    | 'held'
    | 'replay'
    | 'running'
    | 'busy'
    | 'mismatch'
    | 'not_last'
    | 'not_found'
    | 'capped'
  retry_after_ms: number | null
  /** Whose cap it is that refuses the turn. */
  capped: Payer['kind'] | null
  /** Oldest first; none unless the turn runs. */
  turns: WindowRow[]
}

const runs = sql`verdict in ('new', 'again', 'instead')`

/** Writes down what every read sees already: a reply whose lease ran out is not streaming any more. */
export function settle({ sessionId, userId, lease }: TurnStart) {
  return sql<never>`
update messages
set status = case content when '' then 'failed' else 'interrupted' end, error_code = 'interrupted', lease = null
where session_id = ${sessionId} and status = 'streaming' and lease_expires_at <= statement_timestamp()
  and lease <> ${lease}
  and exists (select from sessions where id = ${sessionId} and user_id = ${userId})`
}

/**
 * Waits for other calls that change the session, and for turns of the same user or address that are being debited to a
 * cap: by name, so that the first turn of a day waits like the others. In an order that all turns keep, so that no two
 * wait for each other.
 */
export function lockTurn({ sessionId, payers }: TurnStart) {
  const capped = payers.filter(({ kind, maxTokens }) => kind !== 'site' && maxTokens !== undefined)
  const names = [sessionId, ...capped.map(({ name }) => `spending of ${name}`)]
  return sql<never>`
select ${sessionLock(sql`name`)}
from (select name from unnest(${names}::text[]) with ordinality as locks (name, place) order by place) locks`
}

/**
 * The verdict, and what follows from it. Verdicts that run: `new` stores message and reply, `again` takes a failed
 * reply's row, `instead` supersedes a reply, `held` was one of these when it was asked before. (A turn that ended under
 * this very lease was asked for twice, and the first call came last: nothing is begun anew.) The first three debit
 * what the turn can cost at most, or are `capped`.
 *
 * `lockTurn` has the turns of a user, and of an address, come one by one, so that their caps are held against what is
 * spent already. The site's row is everybody's, and is locked only from here to the commit, which is next: an upsert
 * reads the newest version of its row, where the rest of a statement keeps to its snapshot, so it decides by itself.
 * It comes before the other rows of the day, here as in finish: so no two turns wait for each other.
 */
export function decide(start: TurnStart) {
  const { sessionId, userId, messageId, lease, regenerate, messageTokens, payers } = start
  const expires = sql`statement_timestamp() + ${start.leaseMs} * interval '1 millisecond'`
  const metadata = JSON.stringify(start.metadata)
  const others = payers.filter(({ kind }) => kind !== 'site')
  const names = sql`${others.map(({ name }) => name)}::text[]`
  const siteTokens = sql`${payers.find(({ kind }) => kind === 'site')?.maxTokens ?? null}::bigint`
  return sql<Decision>`
with session as (
  select next_seq, user_id = ${userId} as owned from sessions where id = ${sessionId}
), message as (
  select m.seq, m.role = 'user' and m.content = ${start.content}
    and m.context_text is not distinct from ${start.contextText} and m.metadata = ${metadata}::jsonb as same
  from messages m, session
  where session.owned and m.session_id = ${sessionId} and m.id = ${messageId}
), reply as (
  select r.* from message cross join lateral (
    select id, seq, status, lease, lease_expires_at from messages
    where session_id = ${sessionId} and status <> 'superseded' and seq > message.seq
    order by seq limit 1
  ) r
), running as (
  select lease_expires_at from messages where session_id = ${sessionId} and status = 'streaming'
), named as (
  select reply_to = message.seq as same from messages, message
  where session_id = ${sessionId} and id = ${regenerate}
), ruling as (
  select case
    when session.owned is null and ${start.createSession && regenerate === null} then 'new'
    when session.owned is not true then 'not_found'
    when message.seq is null then case
      when ${regenerate}::uuid is not null then 'mismatch'
      when running.lease_expires_at is not null then 'busy'
      else 'new' end
    when not message.same then 'mismatch'
    when reply.status = 'streaming' and reply.lease = ${lease} then 'held'
    when reply.status = 'streaming' then 'running'
    when reply.lease = ${lease} then 'replay'
    when ${regenerate}::uuid is not null and named.same is not true then 'mismatch'
    when reply.status <> 'failed' and reply.id is distinct from ${regenerate} then 'replay'
    when reply.seq < session.next_seq - 1 then 'not_last'
    when reply.status = 'failed' then 'again'
    else 'instead' end as verdict,
    coalesce(session.next_seq, 1) as next_seq, message.seq as message_seq, reply.id as reply_id,
    running.lease_expires_at - statement_timestamp() as retry_after
  from (select) as one
  left join session on true left join message on true left join reply on true
  left join running on true left join named on true
), turns as (
  select cut.* from ruling cross join lateral (${windowTurns(start, sql`coalesce(message_seq, next_seq)`)}
  ) cut
  where ${runs} or verdict = 'held'
), debit as (
  select ${start.maxTokens}::integer + coalesce(sum(tokens), 0)::integer as tokens, ${today} as day from turns
), full_payer as (
  select kind from ruling, debit,
    unnest(${others.map(({ kind }) => kind)}::text[], ${names}, ${others.map(({ maxTokens }) => maxTokens ?? null)}::bigint[])
      with ordinality as caps (kind, payer, max_tokens, place)
  where ${runs} and max_tokens < debit.tokens + coalesce((
    select tokens from spending where spending.day = debit.day and spending.payer = caps.payer), 0)
  order by place limit 1
), site as (
  insert into spending (day, payer, tokens, turns)
  select day, 'site', tokens, 1 from ruling, debit
  where ${runs} and not exists (select from full_payer) and tokens <= ${siteTokens}
  on conflict (day, payer) do update set tokens = spending.tokens + excluded.tokens, turns = spending.turns + 1
  where spending.tokens + excluded.tokens <= ${siteTokens}
  returning day
), capped as (
  select kind from full_payer
  union all
  select 'site' from ruling
  where ${runs} and ${siteTokens} is not null and not exists (select from full_payer) and not exists (select from site)
), decision as (
  select coalesce((select 'capped' from capped), verdict) as verdict, (select kind from capped) as capped,
    next_seq, message_seq, reply_id, debit.tokens as debited_tokens, debit.day as debited_on,
    case when exists (select from capped)
      then debit.day + 1 - statement_timestamp() at time zone 'UTC' else retry_after end as retry_after
  from ruling, debit
), others as (
  insert into spending (day, payer, tokens, turns)
  select debited_on, payer, debited_tokens, 1
  from decision, unnest(${names}) with ordinality as payers (payer, place)
  where ${runs} order by place
  on conflict (day, payer) do update set tokens = spending.tokens + excluded.tokens, turns = spending.turns + 1
), created as (
  insert into sessions (id, user_id, title, next_seq, last_message_at)
  select ${sessionId}, ${userId}, ${start.title}, 3, statement_timestamp() from decision
  where verdict = 'new' and not exists (select from session)
), advanced as (
  update sessions set
    next_seq = sessions.next_seq + case verdict when 'new' then 2 when 'instead' then 1 else 0 end,
    title = coalesce(title, ${start.title}), last_message_at = statement_timestamp()
  from decision
  where id = ${sessionId} and ${runs}
), asked as (
  insert into messages (session_id, id, seq, role, status, content, context_text, metadata, token_count)
  select ${sessionId}, ${messageId}, next_seq, 'user', 'complete', ${start.content}, ${start.contextText},
    ${metadata}::jsonb, ${messageTokens}::integer
  from decision where verdict = 'new'
  returning *
), superseded as (
  update messages set status = 'superseded' from decision
  where session_id = ${sessionId} and id = decision.reply_id and verdict = 'instead'
), opened as (
  insert into messages (session_id, id, seq, role, status, content, token_count, reply_to,
    turn_tokens, turn_tokens_bound, turn_tokens_exact, lease, lease_expires_at, stop_requested,
    debited_tokens, debited_on)
  select ${sessionId}, ${start.replyId}, next_seq + case verdict when 'new' then 1 else 0 end, 'assistant',
    'streaming', '', 0, coalesce(message_seq, next_seq),
    ${messageTokens}::integer, ${messageTokens}::integer, false, ${lease}, ${expires}, false,
    debited_tokens, debited_on
  from decision where verdict in ('new', 'instead')
), retaken as (
  update messages set status = 'streaming', content = '', token_count = 0, created_at = statement_timestamp(),
    finish_reason = null, error_code = null, model = null, prompt_tokens = null, completion_tokens = null,
    window_from = null, turn_tokens = ${messageTokens}::integer, turn_tokens_bound = ${messageTokens}::integer,
    turn_tokens_exact = false, counted_by = null, lease = ${lease}, lease_expires_at = ${expires},
    stop_requested = false, rating = null, rating_comment = null,
    debited_tokens = decision.debited_tokens, debited_on = decision.debited_on
  from decision
  where session_id = ${sessionId} and id = decision.reply_id and verdict = 'again'
), renewed as (
  update messages set lease_expires_at = ${expires} from decision
  where session_id = ${sessionId} and id = decision.reply_id and verdict = 'held'
)
select verdict, capped, ceil(greatest(extract(epoch from retry_after) * 1000, 0))::integer as retry_after_ms,
  case when verdict <> 'capped' then (${windowMessages(start, sql`turns`)}) end as turns,
  asked.*, asked.status as current_status
from decision left join asked on true`
}
