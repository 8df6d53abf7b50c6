with nearest as (
  select *, coalesce(last_message_at, created_at) as last_activity from sessions where user_id = $1
  order by active_hour desc nulls last, coalesce(last_message_at, created_at) desc, id desc limit $2
), measured as (
  select *, row_number() over walk as place, count(*) over ()::integer as fetched, sum(session_bytes(user_id, title, metadata)) over walk as bytes
  from nearest window walk as (order by last_activity desc, id desc)
)
select * from measured
where place <= $3 and (place = 1 or bytes <= $4)
order by place;
-- returns:
--   id uuid (sessions.id, not null)
--   user_id text (sessions.user_id, not null)
--   title text (sessions.title)
--   metadata jsonb (sessions.metadata, not null)
--   next_seq integer (sessions.next_seq, not null)
--   created_at timestamp with time zone (sessions.created_at, not null)
--   last_message_at timestamp with time zone (sessions.last_message_at)
--   active_hour integer (sessions.active_hour, not null)
--   empty_since timestamp with time zone (sessions.empty_since)
--   last_activity timestamp with time zone
--   place bigint
--   fetched integer
--   bytes bigint
