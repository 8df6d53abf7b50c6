select "messages".*, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from "messages" inner join "sessions" on "sessions"."id" = "messages"."session_id" where "messages"."session_id" = $1 and "messages"."id" = $2 and "role" = $3 and "sessions"."user_id" = $4;
