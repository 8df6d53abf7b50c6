select pg_advisory_xact_lock(hashtextextended($1::text, 0));

delete from "sessions" where "id" = $1 and "user_id" = $2 returning "id";
