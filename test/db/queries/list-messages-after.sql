select "id" from "sessions" where "id" = $1 and "user_id" = $2;
-- returns:
--   id uuid (sessions.id, not null)

with nearest as (
  
select * from messages
where session_id = $1 and status <> 'superseded' and seq > $2
order by seq asc limit $3
), placed as (
  select *, row_number() over walk as place, count(*) over ()::integer as fetched,
    sum(octet_length(content) + coalesce(octet_length(context_text), 0)) over walk as least_bytes
  from nearest window walk as (order by seq asc)
), measured as (
  select *, sum(message_bytes(content, context_text, finish_reason, rating_comment, metadata)) over (order by place) as bytes from placed
  where place <= $4 and (place = 1 or least_bytes <= $5)
)
select *, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from measured
where (place = 1 or bytes <= $6)
  and exists (select from sessions where id = $7 and user_id = $8)
order by seq;
-- returns:
--   session_id uuid (messages.session_id, not null)
--   id uuid (messages.id, not null)
--   seq integer (messages.seq, not null)
--   role text (messages.role, not null)
--   status text (messages.status, not null)
--   content text (messages.content, not null)
--   context_text text (messages.context_text)
--   metadata jsonb (messages.metadata, not null)
--   created_at timestamp with time zone (messages.created_at, not null)
--   token_count integer (messages.token_count, not null)
--   reply_to integer (messages.reply_to)
--   finish_reason text (messages.finish_reason)
--   error_code text (messages.error_code)
--   model text (messages.model)
--   prompt_tokens integer (messages.prompt_tokens)
--   completion_tokens integer (messages.completion_tokens)
--   window_from integer (messages.window_from)
--   turn_tokens integer (messages.turn_tokens)
--   turn_tokens_bound integer (messages.turn_tokens_bound)
--   turn_tokens_exact boolean (messages.turn_tokens_exact)
--   counted_by text (messages.counted_by)
--   lease uuid (messages.lease)
--   lease_expires_at timestamp with time zone (messages.lease_expires_at)
--   stop_requested boolean (messages.stop_requested)
--   debited_tokens integer (messages.debited_tokens)
--   debited_on date (messages.debited_on)
--   rating text (messages.rating)
--   rating_comment text (messages.rating_comment)
--   recalled integer[] (messages.recalled)
--   recalled_tokens integer (messages.recalled_tokens, not null)
--   system_tokens integer (messages.system_tokens)
--   place bigint
--   fetched integer
--   least_bytes bigint
--   bytes bigint
--   current_status text
