select pg_advisory_xact_lock(hashtextextended('empty sessions of ' || $1, 0));
-- returns:
--   pg_advisory_xact_lock void

insert into "sessions" ("id", "user_id", "title", "metadata") values ($1, $2, $3, $4) returning *;
-- returns:
--   id uuid (sessions.id, not null)
--   user_id text (sessions.user_id, not null)
--   title text (sessions.title)
--   metadata jsonb (sessions.metadata, not null)
--   next_seq integer (sessions.next_seq, not null)
--   created_at timestamp with time zone (sessions.created_at, not null)
--   last_message_at timestamp with time zone (sessions.last_message_at)
--   active_hour integer (sessions.active_hour, not null)
--   empty_since timestamp with time zone (sessions.empty_since)

with surplus as materialized (
  select id from sessions where user_id = $1 and empty_since is not null and id <> $2
  order by empty_since desc, id desc offset $3 limit $4
), locked as materialized (
  select id from surplus where pg_try_advisory_xact_lock(hashtextextended(id::text, 0))
)
delete from sessions
where id = any (array(select id from locked)) and user_id = $5 and empty_since is not null;
