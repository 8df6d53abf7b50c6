update "messages" set "rating" = $1, "rating_comment" = $2 where "session_id" = $3 and "id" = $4 and "role" = $5 and exists (select "sessions"."id" from "sessions" where "sessions"."id" = $6 and "user_id" = $7) returning "messages"."id", "messages"."seq", "messages"."role", "messages"."content", "messages"."context_text", "messages"."finish_reason", "messages"."error_code", "messages"."prompt_tokens", "messages"."completion_tokens", "messages"."rating", "messages"."rating_comment", "messages"."metadata", "messages"."created_at", 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status";
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
--   current_status text
