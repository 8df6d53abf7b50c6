with session as (
  select id from sessions where id = $1 and user_id = $2
), stopped as (
  update messages set stop_requested = true from session
  where session_id = session.id and status = 'streaming' and lease_expires_at > statement_timestamp()
  returning seq
)
select exists (select from stopped) as stopped from session;
-- returns:
--   stopped boolean
