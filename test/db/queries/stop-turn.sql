with session as (
  select id from sessions where id = $1 and user_id = $2
), stopped as (
  update messages set stop_requested = true from session
  where session_id = session.id and status = 'streaming' and lease_expires_at > statement_timestamp()
  returning messages.id, messages.lease
)
select stopped.id as reply_id, stopped.lease from session left join stopped on true;
-- returns:
--   reply_id uuid (messages.id, not null)
--   lease uuid (messages.lease)
