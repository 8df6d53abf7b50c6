select * from "sessions" as "s" order by coalesce(s.last_message_at, s.created_at) desc, "s"."id" desc limit $1;
-- returns:
--   id uuid (sessions.id, not null)
--   user_id text (sessions.user_id, not null)
--   title text (sessions.title)
--   metadata jsonb (sessions.metadata, not null)
--   next_seq integer (sessions.next_seq, not null)
--   created_at timestamp with time zone (sessions.created_at, not null)
--   last_message_at timestamp with time zone (sessions.last_message_at)
