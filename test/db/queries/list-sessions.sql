select * from "sessions" where "user_id" = $1 order by coalesce(last_message_at, created_at) desc, "id" desc limit $2;
