update "messages" set "rating" = $1, "rating_comment" = $2 where "session_id" = $3 and "id" = $4 and "role" = $5 and exists (select "sessions"."id" from "sessions" where "sessions"."id" = $6 and "user_id" = $7) returning *, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status";
