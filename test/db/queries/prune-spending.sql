with old as (
select lease from ended_leases where debited_on < (statement_timestamp() at time zone 'UTC')::date - $1::integer limit $2
), pruned as (
  delete from ended_leases using old where ended_leases.lease = old.lease returning 1
)
select count(*)::integer as pruned from pruned;
-- returns:
--   pruned integer

with old as (
select spending.day, spending.payer
from generate_series((select min(day) from spending), (statement_timestamp() at time zone 'UTC')::date - $1::integer, interval '1 day') old
cross join lateral (
  select day, payer from spending where day = old::date and payer like 'address:%'
) spending limit $2
), pruned as (
  delete from spending using old where spending.day = old.day and spending.payer = old.payer returning 1
)
select count(*)::integer as pruned from pruned;
-- returns:
--   pruned integer

with old as (
select day, payer from spending where day < (statement_timestamp() at time zone 'UTC')::date - $1::integer order by day limit $2
), pruned as (
  delete from spending using old where spending.day = old.day and spending.payer = old.payer returning 1
)
select count(*)::integer as pruned from pruned;
-- returns:
--   pruned integer
