select * from "sessions" where "user_id" = $1 and (coalesce(last_message_at, created_at), id) < ($2::timestamptz, $3::uuid) order by coalesce(last_message_at, created_at) desc, "id" desc limit $4;
