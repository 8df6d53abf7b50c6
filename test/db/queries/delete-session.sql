select pg_advisory_xact_lock(hashtextextended($1::text, 0));
-- returns:
--   pg_advisory_xact_lock void

with erased as (
  delete from sessions where id = $1 and user_id = $2 returning id
)
select array(
    select id from messages where session_id = any (array(select id from erased)) and status = 'streaming'
  ) as running from erased;
-- returns:
--   running uuid[]
