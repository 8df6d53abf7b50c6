select pg_advisory_xact_lock(hashtextextended($1::text, 0));

with mine as (
  select id, reply_to from messages
  where session_id = $1 and id = $2 and status = 'streaming' and lease = $3
    and exists (select from sessions where id = $4 and user_id = $5)
), previous as (
  select newest.* from mine cross join lateral (
    select window_from, prompt_tokens, token_count, counted_by from messages
    where session_id = $6 and role = 'assistant' and status in ('complete', 'interrupted')
      and seq < mine.reply_to
    order by seq desc limit 1
  ) newest
  where newest.counted_by = $7
), dropped as (
  select coalesce(sum(turn_tokens + $8::integer), 0)::integer as tokens,
    coalesce(bool_and(turn_tokens_exact and messages.counted_by = $9), true) as exact
  from messages, previous
  where session_id = $10 and role = 'assistant' and status in ('complete', 'interrupted')
    and seq > previous.window_from and seq < $11
), told as (
  select $12::integer - prompt_tokens - token_count - $13::integer
    + dropped.tokens as tokens
  from previous, dropped
  where dropped.exact and window_from <= $14
), believed as (
  select tokens from told where tokens between 1 and $15
), message as (
  update messages set token_count = believed.tokens from mine, believed
  where session_id = $16 and seq = mine.reply_to and messages.status <> 'superseded'
)
update messages set
  status = $17, content = $18, finish_reason = $19,
  error_code = $20, model = $21,
  prompt_tokens = $22, completion_tokens = $23,
  window_from = $24, token_count = $25::integer,
  turn_tokens = coalesce((select tokens from believed), $26::integer) + $27::integer,
  turn_tokens_bound = $28::integer,
  turn_tokens_exact = exists (select from believed) and $29,
  counted_by = $30
from mine
where messages.session_id = $31 and messages.id = mine.id and messages.lease = $32;

select *, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from messages
where session_id = $1 and id = $2
  and exists (select from sessions where id = $3 and user_id = $4);

with nearest as (
  
select * from messages
where session_id = $1 and status <> 'superseded' 
order by seq desc limit $2
), page as (
  select *, row_number() over walk as place, count(*) over ()::integer as fetched,
    sum(octet_length(content) + coalesce(octet_length(context_text), 0)) over walk as bytes
  from nearest window walk as (order by seq desc)
)
select *, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from page
where place <= $3 and (place = 1 or bytes <= $4)
  and exists (select from sessions where id = $5 and user_id = $6)
order by seq;
