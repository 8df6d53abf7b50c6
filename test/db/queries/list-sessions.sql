select * from "sessions" where "user_id" = $1 order by coalesce(last_message_at, created_at) desc, "id" desc limit $2;
-- returns:
--   id uuid (sessions.id, not null)
--   user_id text (sessions.user_id, not null)
--   title text (sessions.title)
--   metadata jsonb (sessions.metadata, not null)
--   next_seq integer (sessions.next_seq, not null)
--   created_at timestamp with time zone (sessions.created_at, not null)
--   last_message_at timestamp with time zone (sessions.last_message_at)
