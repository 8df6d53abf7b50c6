with mine as materialized (
  -- One more than a call may erase shows whether there are more.
  select id, next_seq from sessions where user_id = $1 order by id limit $2
), next as (
  select id, sum(next_seq) over (order by id) - next_seq as messages_before
  from (select * from mine order by id limit $3) nearest
), locked as materialized (
  select id, pg_advisory_xact_lock(hashtextextended(id::text, 0)) from (
    select id from next where messages_before < $4 order by id
  ) batch
), erased as (
  delete from sessions where id = any (array(select id from locked)) and user_id = $5 returning id
)
select (select count(*) from erased)::integer as erased,
  (select count(*) from mine) > (select count(*) from locked) as more,
  array(
    select id from messages where session_id = any (array(select id from erased)) and status = 'streaming'
  ) as running;
-- returns:
--   erased integer
--   more boolean
--   running uuid[]
