select "user_id" from "sessions" where "id" = $1;
-- returns:
--   user_id text (sessions.user_id, not null)
