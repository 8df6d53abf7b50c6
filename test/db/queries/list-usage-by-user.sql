select payer as "key", sum(tokens)::float8 as "tokens", sum(turns)::float8 as "turns", sum(prompt_tokens)::float8 as "prompt_tokens", sum(completion_tokens)::float8 as "completion_tokens", sum(cached_tokens)::float8 as "cached_tokens", count(distinct payer)::integer as "users" from "spending" where day between $1::date and $2::date and (payer like 'visitor:%' or payer like 'user:%') group by 1 order by 2 desc, 1 limit $3;
-- returns:
--   key text (spending.payer, not null)
--   tokens double precision
--   turns double precision
--   prompt_tokens double precision
--   completion_tokens double precision
--   cached_tokens double precision
--   users integer
