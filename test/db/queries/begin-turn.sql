select pg_advisory_xact_lock(hashtextextended($1::text, 0));

update messages
set status = case content when '' then 'failed' else 'interrupted' end, error_code = 'interrupted', lease = null
where session_id = $1 and status = 'streaming' and lease_expires_at <= statement_timestamp()
  and lease <> $2
  and exists (select from sessions where id = $3 and user_id = $4);

with session as (
  select next_seq, user_id = $1 as owned from sessions where id = $2
), message as (
  select m.seq, m.role = 'user' and m.content = $3
    and m.context_text is not distinct from $4 and m.metadata = $5::jsonb as same
  from messages m, session
  where session.owned and m.session_id = $6 and m.id = $7
), reply as (
  select r.* from message cross join lateral (
    select id, seq, status, lease, lease_expires_at from messages
    where session_id = $8 and status <> 'superseded' and seq > message.seq
    order by seq limit 1
  ) r
), running as (
  select lease_expires_at from messages where session_id = $9 and status = 'streaming'
), named as (
  select reply_to = message.seq as same from messages, message
  where session_id = $10 and id = $11
), decision as (
  select case
    when session.owned is null and $12 then 'new'
    when session.owned is not true then 'not_found'
    when message.seq is null then case
      when $13::uuid is not null then 'mismatch'
      when running.lease_expires_at is not null then 'busy'
      else 'new' end
    when not message.same then 'mismatch'
    when reply.status = 'streaming' and reply.lease = $14 then 'held'
    when reply.status = 'streaming' then 'running'
    when reply.lease = $15 then 'replay'
    when $16::uuid is not null and named.same is not true then 'mismatch'
    when reply.status <> 'failed' and reply.id is distinct from $17 then 'replay'
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
  select $18, $19, $20, 3, statement_timestamp() from decision
  where verdict = 'new' and not exists (select from session)
), advanced as (
  update sessions set
    next_seq = sessions.next_seq + case verdict when 'new' then 2 when 'instead' then 1 else 0 end,
    title = coalesce(title, $21), last_message_at = statement_timestamp()
  from decision
  where id = $22 and verdict in ('new', 'again', 'instead')
), asked as (
  insert into messages (session_id, id, seq, role, status, content, context_text, metadata, token_count)
  select $23, $24, next_seq, 'user', 'complete', $25, $26,
    $27::jsonb, $28::integer
  from decision where verdict = 'new'
), superseded as (
  update messages set status = 'superseded' from decision
  where session_id = $29 and id = decision.reply_id and verdict = 'instead'
), opened as (
  insert into messages (session_id, id, seq, role, status, content, token_count, reply_to,
    turn_tokens, turn_tokens_bound, turn_tokens_exact, lease, lease_expires_at, stop_requested)
  select $30, $31, next_seq + case verdict when 'new' then 1 else 0 end, 'assistant',
    'streaming', '', 0, coalesce(message_seq, next_seq),
    $32::integer, $33::integer, false, $34, statement_timestamp() + $35 * interval '1 millisecond', false
  from decision where verdict in ('new', 'instead')
), retaken as (
  update messages set status = 'streaming', content = '', token_count = 0, created_at = statement_timestamp(),
    finish_reason = null, error_code = null, model = null, prompt_tokens = null, completion_tokens = null,
    window_from = null, turn_tokens = $36::integer, turn_tokens_bound = $37::integer,
    turn_tokens_exact = false, counted_by = null, lease = $38, lease_expires_at = statement_timestamp() + $39 * interval '1 millisecond',
    stop_requested = false
  from decision
  where session_id = $40 and id = decision.reply_id and verdict = 'again'
), renewed as (
  update messages set lease_expires_at = statement_timestamp() + $41 * interval '1 millisecond' from decision
  where session_id = $42 and id = decision.reply_id and verdict = 'held'
)
select verdict, ceil(greatest(retry_after_ms, 0))::integer as retry_after_ms from decision;

with message as (
  select m.* from messages m join sessions on sessions.id = m.session_id
  where m.session_id = $1 and m.id = $2 and sessions.user_id = $3
), turn as (
  select * from message
  union all
  select reply.* from message cross join lateral (
    select * from messages
    where session_id = $4 and status <> 'superseded' and seq > message.seq
    order by seq limit 1
  ) reply
)
select *, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from turn order by seq;

with newest as (
  select seq, reply_to, $1::integer
    + case counted_by when $2 then turn_tokens else turn_tokens_bound end as tokens
  from messages
  where session_id = $3 and role = 'assistant' and status in ('complete', 'interrupted')
    and seq < (
      select reply_to from messages
      where session_id = $4 and status = 'streaming' and lease = $5)
  order by seq desc limit $6
), cut as (
  select *, sum(tokens) over (order by seq desc) as total from newest
)
select cut.reply_to as seq, message.content as message, message.context_text, reply.content as reply, cut.tokens
from cut
cross join lateral (
  select content, context_text from messages
  where session_id = $7 and status <> 'superseded' and seq = cut.reply_to limit 1
) message
cross join lateral (
  select content from messages
  where session_id = $8 and status <> 'superseded' and seq = cut.seq limit 1
) reply
where cut.total <= $9
order by cut.seq;
