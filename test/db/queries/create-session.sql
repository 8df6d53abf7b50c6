insert into "sessions" ("id", "user_id", "title", "metadata") values ($1, $2, $3, $4) returning *;
-- returns:
--   id uuid (sessions.id, not null)
--   user_id text (sessions.user_id, not null)
--   title text (sessions.title)
--   metadata jsonb (sessions.metadata, not null)
--   next_seq integer (sessions.next_seq, not null)
--   created_at timestamp with time zone (sessions.created_at, not null)
--   last_message_at timestamp with time zone (sessions.last_message_at)
