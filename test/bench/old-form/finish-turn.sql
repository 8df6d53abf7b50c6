select pg_advisory_xact_lock(hashtextextended($1::text, 0));

with mine as (
  select id, reply_to from messages
  where session_id = $1 and id = $2 and status = 'streaming' and lease = $3
), previous as (
  select newest.* from mine cross join lateral (
    select window_from, prompt_tokens, token_count, counted_by from messages
    where session_id = $4 and role = 'assistant' and status in ('complete', 'interrupted')
      and seq < mine.reply_to
    order by seq desc limit 1
  ) newest
  where newest.counted_by = $5
), dropped as (
  select coalesce(sum(turn_tokens + $6::integer), 0)::integer as tokens,
    coalesce(bool_and(turn_tokens_exact and messages.counted_by = $7), true) as exact
  from messages, previous
  where session_id = $8 and role = 'assistant' and status in ('complete', 'interrupted')
    and seq > previous.window_from and seq < $9
), told as (
  select $10::integer - prompt_tokens - token_count - $11::integer
    + dropped.tokens as tokens
  from previous, dropped
  where dropped.exact and window_from <= $12
), believed as (
  select tokens from told where tokens between 1 and $13
), message as (
  update messages set token_count = believed.tokens from mine, believed
  where session_id = $14 and seq = mine.reply_to and messages.status <> 'superseded'
)
update messages set
  status = $15, content = $16, finish_reason = $17,
  error_code = $18, model = $19,
  prompt_tokens = $20, completion_tokens = $21,
  window_from = $22, token_count = $23::integer,
  turn_tokens = coalesce((select tokens from believed), $24::integer) + $25::integer,
  turn_tokens_bound = $26::integer,
  turn_tokens_exact = exists (select from believed) and $27,
  counted_by = $28
from mine
where messages.session_id = $29 and messages.id = mine.id and messages.lease = $30;

select reply.* from (
  select from messages where session_id = $1 and id = $2
) standing left join (
  select *, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from messages
  where session_id = $3 and id = $4 and lease = $5
) reply on true;

with reply as (
  select debited_tokens, debited_on from messages
  where session_id = $1 and id = $2 and lease = $3
    and xmin = pg_current_xact_id_if_assigned()::xid
), debited as (
  select day, spending.payer, debited_tokens
  from reply, unnest($4::text[]) with ordinality as payers (payer, place), spending
  where spending.day = reply.debited_on and spending.payer = payers.payer
  order by payers.payer <> 'site', place
  for update of spending
)
update spending set
  tokens = tokens - debited_tokens + $5::bigint,
  prompt_tokens = prompt_tokens + $6::bigint,
  completion_tokens = completion_tokens + $7::bigint
from debited where spending.day = debited.day and spending.payer = debited.payer;
