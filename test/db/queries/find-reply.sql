select "messages"."id", "messages"."seq", "messages"."role", "messages"."content", "messages"."context_text", "messages"."finish_reason", "messages"."error_code", "messages"."prompt_tokens", "messages"."completion_tokens", "messages"."rating", "messages"."rating_comment", "messages"."metadata", "messages"."created_at", 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from "messages" inner join "sessions" on "sessions"."id" = "messages"."session_id" where "messages"."session_id" = $1 and "messages"."id" = $2 and "role" = $3 and "sessions"."user_id" = $4;
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
