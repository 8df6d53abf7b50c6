select pg_advisory_xact_lock(hashtextextended($1::text, 0));
-- returns:
--   pg_advisory_xact_lock void

delete from "sessions" where "id" = $1 and "user_id" = $2 returning "id";
-- returns:
--   id uuid (sessions.id, not null)
