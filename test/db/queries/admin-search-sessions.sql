select * from "sessions" as "s" order by coalesce(s.last_message_at, s.created_at) desc, "s"."id" desc limit $1;
