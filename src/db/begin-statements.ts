import { sql } from 'kysely'
import { currentStatus, type MessageRecord } from './messages.ts'
import type { TurnStart } from './turn-start.ts'

export interface Decision {
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
  retry_after_ms: number | null
}

export interface WindowRow {
  seq: number
  message: string
  context_text: string | null
  reply: string
  tokens: number
}

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
 * The verdict, and what follows from it. Verdicts that run: `new` stores message and reply, `again` takes a failed
 * reply's row, `instead` supersedes a reply, `held` was one of these when it was asked before. (A turn that ended under
 * this very lease was asked for twice, and the first call came last: nothing is begun anew.)
 */
export function decide(start: TurnStart) {
  const { sessionId, userId, messageId, lease, regenerate, messageTokens } = start
  const expires = sql`statement_timestamp() + ${start.leaseMs} * interval '1 millisecond'`
  const metadata = JSON.stringify(start.metadata)
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
), decision as (
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
    extract(epoch from running.lease_expires_at - statement_timestamp()) * 1000 as retry_after_ms
  from (select) as one
  left join session on true left join message on true left join reply on true
  left join running on true left join named on true
), created as (
  insert into sessions (id, user_id, title, next_seq, last_message_at)
  select ${sessionId}, ${userId}, ${start.title}, 3, statement_timestamp() from decision
  where verdict = 'new' and not exists (select from session)
), advanced as (
  update sessions set
    next_seq = sessions.next_seq + case verdict when 'new' then 2 when 'instead' then 1 else 0 end,
    title = coalesce(title, ${start.title}), last_message_at = statement_timestamp()
  from decision
  where id = ${sessionId} and verdict in ('new', 'again', 'instead')
), asked as (
  insert into messages (session_id, id, seq, role, status, content, context_text, metadata, token_count)
  select ${sessionId}, ${messageId}, next_seq, 'user', 'complete', ${start.content}, ${start.contextText},
    ${metadata}::jsonb, ${messageTokens}::integer
  from decision where verdict = 'new'
), superseded as (
  update messages set status = 'superseded' from decision
  where session_id = ${sessionId} and id = decision.reply_id and verdict = 'instead'
), opened as (
  insert into messages (session_id, id, seq, role, status, content, token_count, reply_to,
    turn_tokens, turn_tokens_bound, turn_tokens_exact, lease, lease_expires_at, stop_requested)
  select ${sessionId}, ${start.replyId}, next_seq + case verdict when 'new' then 1 else 0 end, 'assistant',
    'streaming', '', 0, coalesce(message_seq, next_seq),
    ${messageTokens}::integer, ${messageTokens}::integer, false, ${lease}, ${expires}, false
  from decision where verdict in ('new', 'instead')
), retaken as (
  update messages set status = 'streaming', content = '', token_count = 0, created_at = statement_timestamp(),
    finish_reason = null, error_code = null, model = null, prompt_tokens = null, completion_tokens = null,
    window_from = null, turn_tokens = ${messageTokens}::integer, turn_tokens_bound = ${messageTokens}::integer,
    turn_tokens_exact = false, counted_by = null, lease = ${lease}, lease_expires_at = ${expires},
    stop_requested = false
  from decision
  where session_id = ${sessionId} and id = decision.reply_id and verdict = 'again'
), renewed as (
  update messages set lease_expires_at = ${expires} from decision
  where session_id = ${sessionId} and id = decision.reply_id and verdict = 'held'
)
select verdict, ceil(greatest(retry_after_ms, 0))::integer as retry_after_ms from decision`
}

/** The message, then the reply that stands for it. */
export function turnAsItStands({ sessionId, userId, messageId }: TurnStart) {
  return sql<MessageRecord>`
with message as (
  select m.* from messages m join sessions on sessions.id = m.session_id
  where m.session_id = ${sessionId} and m.id = ${messageId} and sessions.user_id = ${userId}
), turn as (
  select * from message
  union all
  select reply.* from message cross join lateral (
    select * from messages
    where session_id = ${sessionId} and status <> 'superseded' and seq > message.seq
    order by seq limit 1
  ) reply
)
select *, ${currentStatus} from turn order by seq`
}

/** Cut on the index alone, newest first; then the winners are fetched. Nothing, where the lease was not had. */
export function cutWindow({ sessionId, lease, window: limits }: TurnStart) {
  return sql<WindowRow>`
with newest as (
  select seq, reply_to, ${limits.overheadTokens}::integer
    + case counted_by when ${limits.countedBy} then turn_tokens else turn_tokens_bound end as tokens
  from messages
  where session_id = ${sessionId} and role = 'assistant' and status in ('complete', 'interrupted')
    and seq < (
      select reply_to from messages
      where session_id = ${sessionId} and status = 'streaming' and lease = ${lease})
  order by seq desc limit ${limits.maxTurns}
), cut as (
  select *, sum(tokens) over (order by seq desc) as total from newest
)
select cut.reply_to as seq, message.content as message, message.context_text, reply.content as reply, cut.tokens
from cut
cross join lateral (
  select content, context_text from messages
  where session_id = ${sessionId} and status <> 'superseded' and seq = cut.reply_to limit 1
) message
cross join lateral (
  select content from messages
  where session_id = ${sessionId} and status <> 'superseded' and seq = cut.seq limit 1
) reply
where cut.total <= ${limits.tokens}
order by cut.seq`
}
