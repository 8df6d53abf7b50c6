with theirs as materialized (
  select id from sessions where user_id = $1
), locked as materialized (
  select id, pg_advisory_xact_lock(hashtextextended(id::text, 0)) from (select id from theirs order by id limit $2) batch
), claimed as (
  update sessions set user_id = $3 from locked
  where sessions.id = locked.id and user_id = $4
  returning sessions.id
)
select (select count(*) from claimed)::integer as claimed,
  (select count(*) from locked) = $5 as more;
-- returns:
--   claimed integer
--   more boolean
