with looked as materialized (
  select id, next_seq, coalesce(last_message_at, created_at) < statement_timestamp() - $1 * interval '1 day' as expired from sessions
  where id > $2 and id <= $3
  order by id limit $4
), due as (
  select id, row_number() over walk as place, sum(next_seq) over walk - next_seq as messages_before
  from looked where expired window walk as (order by id)
), next as (
  select id from due where place <= $5 and messages_before < $6
), locked as materialized (
  select id, pg_try_advisory_xact_lock(hashtextextended(id::text, 0)) as is_mine from next
), erased as (
  delete from sessions using locked
  where sessions.id = locked.id and is_mine and coalesce(last_message_at, created_at) < statement_timestamp() - $7 * interval '1 day'
    and not exists (
      select from messages
      where session_id = locked.id and status = 'streaming' and lease_expires_at > statement_timestamp())
  returning sessions.id
), reached as (
  select case
    when (select count(*) from due) > (select count(*) from next) then (select id from next order by id desc limit 1)
    when (select count(*) from looked) = $8 then (select id from looked order by id desc limit 1)
  end as id
)
select (select count(*) from looked where reached.id is null or looked.id <= reached.id)::integer as looked_at,
  (select count(*) from erased)::integer as erased, reached.id as reached
from reached;
-- returns:
--   looked_at integer
--   erased integer
--   reached uuid
