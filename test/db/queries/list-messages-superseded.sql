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
select "messages"."id", "messages"."seq", "messages"."role", "messages"."content", "messages"."context_text", "messages"."finish_reason", "messages"."error_code", "messages"."prompt_tokens", "messages"."completion_tokens", "messages"."rating", "messages"."rating_comment", "messages"."metadata", "messages"."created_at", fetched, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from measured messages
where (place = 1 or bytes <= $8)
  and exists (select from sessions where id = $9 and user_id = $10)
order by seq;
-- returns:
--   id uuid
--   seq integer
--   role text
--   content text
--   context_text text
--   finish_reason text
--   error_code text
--   prompt_tokens integer
--   completion_tokens integer
--   rating text
--   rating_comment text
--   metadata jsonb
--   created_at timestamp with time zone
--   fetched integer
--   current_status text
