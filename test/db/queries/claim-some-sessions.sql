select pg_advisory_xact_lock(hashtextextended('empty sessions of ' || $1, 0));
-- returns:
--   pg_advisory_xact_lock void

with locked as materialized (
  select id, pg_advisory_xact_lock(hashtextextended(id::text, 0)) from (
    select id from sessions where user_id = $1 order by id limit $2
  ) batch
), claimed as (
  update sessions set user_id = $3 where id = any (array(select id from locked)) and user_id = $4
  returning id
)
select (select count(*) from claimed)::integer as claimed,
  (select count(*) from locked) = $5 as more,
  array(
    select id from messages where session_id = any (array(select id from claimed)) and status = 'streaming'
  ) as running;
-- returns:
--   claimed integer
--   more boolean
--   running uuid[]

with surplus as materialized (
  select id from sessions where user_id = $1 and empty_since is not null 
  order by empty_since desc, id desc offset $2 limit $3
), locked as materialized (
  select id from surplus where pg_try_advisory_xact_lock(hashtextextended(id::text, 0))
)
delete from sessions
where id = any (array(select id from locked)) and user_id = $4 and empty_since is not null;
