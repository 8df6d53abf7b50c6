select day::text, coalesce(tokens, 0) as tokens, coalesce(cached_tokens, 0) as cached_tokens
from (select (statement_timestamp() at time zone 'UTC')::date as day) today
cross join unnest($1::text[]) with ordinality as payer (payer, place)
left join spending using (day, payer)
order by place;
-- returns:
--   day text
--   tokens bigint
--   cached_tokens bigint
