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
select "messages"."id", "messages"."seq", "messages"."role", "messages"."content", "messages"."context_text", "messages"."finish_reason", "messages"."error_code", "messages"."prompt_tokens", "messages"."completion_tokens", "messages"."rating", "messages"."rating_comment", "messages"."metadata", "messages"."created_at", fetched, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from measured messages
where (place = 1 or bytes <= $6)
  and exists (select from sessions where id = $7 and user_id = $8)
order by seq;
-- returns:
--   id uuid (messages.id, not null)
--   seq integer (messages.seq, not null)
--   role text (messages.role, not null)
--   content text (messages.content, not null)
--   context_text text (messages.context_text)
--   finish_reason text (messages.finish_reason)
--   error_code text (messages.error_code)
--   prompt_tokens integer (messages.prompt_tokens)
--   completion_tokens integer (messages.completion_tokens)
--   rating text (messages.rating)
--   rating_comment text (messages.rating_comment)
--   metadata jsonb (messages.metadata, not null)
--   created_at timestamp with time zone (messages.created_at, not null)
--   fetched integer
--   current_status text
