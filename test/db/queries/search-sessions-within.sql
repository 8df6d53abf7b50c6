with walked as materialized (
  select *, row_number() over (order by before_seq is null, last_activity desc, id desc) as place
  from (
  select $1::integer as before_seq, $2::integer as found_before, sessions.*,
    $3::timestamptz as last_activity
  from sessions where id = $4
  union all
  select null::integer, 0, nearest.* from (
  select *, coalesce(last_message_at, created_at) as last_activity from sessions where user_id = $5 and active_hour >= activity_hour($6) and nullif(coalesce(last_message_at, created_at) >= $7::timestamptz, false) is not null and active_hour <= activity_hour($8) and nullif(coalesce(last_message_at, created_at) < $9::timestamptz, false) is not null and active_hour <= activity_hour($10) and nullif((coalesce(last_message_at, created_at), id) < ($11::timestamptz, $12::uuid), false) is not null
  order by active_hour desc nulls last, coalesce(last_message_at, created_at) desc, id desc limit $13) nearest
  ) walked (before_seq, found_before)
), planned as (
  select place, id, title, found_before, before_seq, $14 - (sum(messages) over (order by place) - messages) as room
  from (
    select place, id, title, found_before, coalesce(before_seq, next_seq) as before_seq,
      greatest(coalesce(before_seq, next_seq) - 1, 1) as messages
    from walked where place <= $15
  ) sized
), looked as (
  select planned.place, message.*,
    sum(octet_length(content) + coalesce(octet_length(context_text), 0)) over (order by planned.place, seq desc) - (octet_length(content) + coalesce(octet_length(context_text), 0)) < $16 as is_read
  from planned
  cross join lateral (
    select * from ((
    select * from messages
    where session_id = planned.id and status <> 'superseded' and seq < planned.before_seq
    order by seq desc limit planned.room) union all (
    select * from messages
    where session_id = planned.id and status = 'superseded' and seq < planned.before_seq
    order by seq desc limit planned.room)) merged order by seq desc limit planned.room
  ) message
  where room > 0
), judged as (
  select planned.place, min(seq) filter (where is_read) as reached,
    -- Unread messages are left: those over the bytes, or those after as many as there was room for.
    coalesce(not bool_and(is_read), false) or (count(seq) = min(room) and min(seq) > 1) as is_cut,
    min(found_before) | min(coalesce("title" ilike any ($17::text[]), false)::integer * $18::integer + coalesce(false, false)::integer * $19::integer + coalesce(false, false)::integer * $20::integer) | coalesce(bit_or(case when is_read then coalesce(("content" ilike any ($21::text[]) or "context_text" ilike any ($22::text[])), false)::integer * $23::integer + coalesce(rating = $24, false)::integer * $25::integer + coalesce(
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end = $26, false)::integer * $27::integer end), 0) as found
  from planned left join looked using (place)
  where room > 0
  group by planned.place
), considered as (
  select * from judged
  where place < coalesce((select min(place) from judged where is_cut), $28)
    or (reached is not null and place = (select min(place) from judged where is_cut))
), matching as (
  select place, row_number() over (order by place) as nth from considered where found = $29
), page as (
  select place from (
    select place, nth, sum(session_bytes(user_id, title, metadata)) over (order by place) as bytes
    from matching join walked using (place) where nth <= $30
  ) nearest
  where nth = 1 or bytes <= $31
), ending as (
  select case when (select count(*) from page) < (select count(*) from matching) then (select max(place) from page)
    else (select max(place) from considered) end as last_place
)
select walked.*, found, page.place is not null as is_found, place = last_place as is_last,
  (select max(place) from walked) > place as has_next, case when is_cut and found <> $32 then reached end as ended_at
from considered join walked using (place) left join page using (place) cross join ending
where page.place is not null or place = last_place
order by place;
-- returns:
--   before_seq integer
--   found_before integer
--   id uuid
--   user_id text
--   title text
--   metadata jsonb
--   next_seq integer
--   created_at timestamp with time zone
--   last_message_at timestamp with time zone
--   active_hour integer
--   empty_since timestamp with time zone
--   last_activity timestamp with time zone
--   place bigint
--   found integer
--   is_found boolean
--   is_last boolean
--   has_next boolean
--   ended_at integer
