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
where place <= $6 and (place = 1 or bytes <= $7)
  and exists (select from sessions where id = $8 and user_id = $9)
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
--   bytes bigint
--   current_status text
