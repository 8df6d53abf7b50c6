select "id" from "sessions" where "id" = $1 and "user_id" = $2;
-- returns:
--   id uuid (sessions.id, not null)

with nearest as (
  select * from ((
select * from messages
where session_id = $1 and status <> 'superseded' 
order by seq desc limit $2) union all (
select * from messages
where session_id = $3 and status = 'superseded' 
order by seq desc limit $4)) merged order by seq desc limit $5
), placed as (
  select *, row_number() over walk as place, count(*) over ()::integer as fetched,
    sum(octet_length(content) + coalesce(octet_length(context_text), 0)) over walk as least_bytes
  from nearest window walk as (order by seq desc)
), measured as (
  select *, sum(message_bytes(content, context_text, finish_reason, rating_comment, metadata)) over (order by place) as bytes from placed
  where place <= $6 and (place = 1 or least_bytes <= $7)
)
select *, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from measured
where (place = 1 or bytes <= $8)
  and exists (select from sessions where id = $9 and user_id = $10)
order by seq;
-- returns:
--   session_id uuid
--   id uuid
--   seq integer
--   role text
--   status text
--   content text
--   context_text text
--   metadata jsonb
--   created_at timestamp with time zone
--   token_count integer
--   reply_to integer
--   finish_reason text
--   error_code text
--   model text
--   prompt_tokens integer
--   completion_tokens integer
--   window_from integer
--   turn_tokens integer
--   turn_tokens_bound integer
--   turn_tokens_exact boolean
--   counted_by text
--   lease uuid
--   lease_expires_at timestamp with time zone
--   stop_requested boolean
--   debited_tokens integer
--   debited_on date
--   rating text
--   rating_comment text
--   recalled integer[]
--   recalled_tokens integer
--   system_tokens integer
--   place bigint
--   fetched integer
--   least_bytes bigint
--   bytes bigint
--   current_status text
