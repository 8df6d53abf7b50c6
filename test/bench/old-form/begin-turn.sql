select pg_advisory_xact_lock(hashtextextended(name::text, 0))
from (select name from unnest($1::text[]) with ordinality as locks (name, place) order by place) locks;

update messages
set status = case content when '' then 'failed' else 'interrupted' end, error_code = 'interrupted', lease = null
where session_id = $1 and status = 'streaming' and lease_expires_at <= statement_timestamp()
  and lease <> $2
  and exists (select from sessions where id = $3 and user_id = $4);

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
), ruling as (
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
    running.lease_expires_at - statement_timestamp() as retry_after
  from (select) as one
  left join session on true left join message on true left join reply on true
  left join running on true left join named on true
), turns as (
  select cut.* from ruling cross join lateral (
select seq, reply_to, tokens from (
  select *, sum(tokens) over (order by seq desc) as total from (
    select seq, reply_to, $18::integer
      + case counted_by when $19 then turn_tokens else turn_tokens_bound end as tokens
    from messages
    where session_id = $20 and role = 'assistant' and status in ('complete', 'interrupted')
      and seq < coalesce(message_seq, next_seq)
    order by seq desc limit $21
  ) newest
) cut
where total <= $22
  ) cut
  where verdict in ('new', 'again', 'instead') or verdict = 'held'
), debit as (
  select $23::integer + coalesce(sum(tokens), 0)::integer as tokens, (statement_timestamp() at time zone 'UTC')::date as day from turns
), full_payer as (
  select kind from ruling, debit,
    unnest($24::text[], $25::text[], $26::bigint[])
      with ordinality as caps (kind, payer, max_tokens, place)
  where verdict in ('new', 'again', 'instead') and max_tokens < debit.tokens + coalesce((
    select tokens from spending where spending.day = debit.day and spending.payer = caps.payer), 0)
  order by place limit 1
), site as (
  insert into spending (day, payer, tokens, turns)
  select day, 'site', tokens, 1 from ruling, debit
  where verdict in ('new', 'again', 'instead') and not exists (select from full_payer) and tokens <= $27::bigint
  on conflict (day, payer) do update set tokens = spending.tokens + excluded.tokens, turns = spending.turns + 1
  where spending.tokens + excluded.tokens <= $28::bigint
  returning day
), capped as (
  select kind from full_payer
  union all
  select 'site' from ruling
  where verdict in ('new', 'again', 'instead') and $29::bigint is not null and not exists (select from full_payer) and not exists (select from site)
), decision as (
  select coalesce((select 'capped' from capped), verdict) as verdict, (select kind from capped) as capped,
    next_seq, message_seq, reply_id, debit.tokens as debited_tokens, debit.day as debited_on,
    case when exists (select from capped)
      then debit.day + 1 - statement_timestamp() at time zone 'UTC' else retry_after end as retry_after
  from ruling, debit
), others as (
  insert into spending (day, payer, tokens, turns)
  select debited_on, payer, debited_tokens, 1
  from decision, unnest($30::text[]) with ordinality as payers (payer, place)
  where verdict in ('new', 'again', 'instead') order by place
  on conflict (day, payer) do update set tokens = spending.tokens + excluded.tokens, turns = spending.turns + 1
), created as (
  insert into sessions (id, user_id, title, next_seq, last_message_at)
  select $31, $32, $33, 3, statement_timestamp() from decision
  where verdict = 'new' and not exists (select from session)
), advanced as (
  update sessions set
    next_seq = sessions.next_seq + case verdict when 'new' then 2 when 'instead' then 1 else 0 end,
    title = coalesce(title, $34), last_message_at = statement_timestamp()
  from decision
  where id = $35 and verdict in ('new', 'again', 'instead')
), asked as (
  insert into messages (session_id, id, seq, role, status, content, context_text, metadata, token_count)
  select $36, $37, next_seq, 'user', 'complete', $38, $39,
    $40::jsonb, $41::integer
  from decision where verdict = 'new'
  returning *
), superseded as (
  update messages set status = 'superseded' from decision
  where session_id = $42 and id = decision.reply_id and verdict = 'instead'
), opened as (
  insert into messages (session_id, id, seq, role, status, content, token_count, reply_to,
    turn_tokens, turn_tokens_bound, turn_tokens_exact, lease, lease_expires_at, stop_requested,
    debited_tokens, debited_on)
  select $43, $44, next_seq + case verdict when 'new' then 1 else 0 end, 'assistant',
    'streaming', '', 0, coalesce(message_seq, next_seq),
    $45::integer, $46::integer, false, $47, statement_timestamp() + $48 * interval '1 millisecond', false,
    debited_tokens, debited_on
  from decision where verdict in ('new', 'instead')
), retaken as (
  update messages set status = 'streaming', content = '', token_count = 0, created_at = statement_timestamp(),
    finish_reason = null, error_code = null, model = null, prompt_tokens = null, completion_tokens = null,
    window_from = null, turn_tokens = $49::integer, turn_tokens_bound = $50::integer,
    turn_tokens_exact = false, counted_by = null, lease = $51, lease_expires_at = statement_timestamp() + $52 * interval '1 millisecond',
    stop_requested = false, rating = null, rating_comment = null,
    debited_tokens = decision.debited_tokens, debited_on = decision.debited_on
  from decision
  where session_id = $53 and id = decision.reply_id and verdict = 'again'
), renewed as (
  update messages set lease_expires_at = statement_timestamp() + $54 * interval '1 millisecond' from decision
  where session_id = $55 and id = decision.reply_id and verdict = 'held'
)
select verdict, capped, ceil(greatest(extract(epoch from retry_after) * 1000, 0))::integer as retry_after_ms,
  case when verdict <> 'capped' then (
select coalesce(json_agg(json_build_object('seq', turn.reply_to, 'message', message.content,
  'context_text', message.context_text, 'reply', reply.content, 'tokens', turn.tokens) order by turn.seq), '[]')
from turns turn
cross join lateral (
  select content, context_text from messages
  where session_id = $56 and status <> 'superseded' and seq = turn.reply_to limit 1
) message
cross join lateral (
  select content from messages
  where session_id = $57 and status <> 'superseded' and seq = turn.seq limit 1
) reply) end as turns,
  asked.*, asked.status as current_status
from decision left join asked on true;
