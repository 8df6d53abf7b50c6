select case when is_running then substring(reply.content from $1::integer) end as more,
  case when is_running then null else message_json(reply, statement_timestamp()) end as ended
from messages reply
join sessions on sessions.id = reply.session_id
cross join lateral (
  select reply.status = 'streaming' and reply.lease_expires_at > statement_timestamp() as is_running
) now
where reply.session_id = $2 and reply.id = $3 and reply.role = 'assistant' and user_id = $4;
-- returns:
--   more text
--   ended json
