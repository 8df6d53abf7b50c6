select * from "sessions" as "s" where "user_id" = $1 and coalesce(s.last_message_at, s.created_at) >= $2::timestamptz and coalesce(s.last_message_at, s.created_at) < $3::timestamptz and exists (select from messages m where m.session_id = s.id and m.rating = $4) and exists (select from messages m where m.session_id = s.id and 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end = $5) and (s.title ilike $6 or exists (select from messages m where m.session_id = s.id and (m.content ilike $7 or m.context_text ilike $8))) and (coalesce(s.last_message_at, s.created_at), s.id) < ($9::timestamptz, $10::uuid) order by coalesce(s.last_message_at, s.created_at) desc, "s"."id" desc limit $11;
-- returns:
--   id uuid (sessions.id, not null)
--   user_id text (sessions.user_id, not null)
--   title text (sessions.title)
--   metadata jsonb (sessions.metadata, not null)
--   next_seq integer (sessions.next_seq, not null)
--   created_at timestamp with time zone (sessions.created_at, not null)
--   last_message_at timestamp with time zone (sessions.last_message_at)
