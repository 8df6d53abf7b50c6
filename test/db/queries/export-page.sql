with nearest as (
  select id, user_id, title, metadata, created_at, last_message_at, id = $1 as is_begun,
    case id when $2 then $3::integer else 0 end as after_seq,
    case id when $4 then greatest(next_seq - 1 - $5::integer, 0) else greatest(next_seq - 1, 1) end as items
  from sessions where user_id = $6 and id >= $7 order by id limit $8
), planned as (
  select *, (sum(items) over (order by id) - items)::integer as items_before,
    (sum(items) over ())::integer as items_left
  from nearest
), item as (
  select planned.id as in_session, user_id, title, planned.metadata as in_metadata, planned.created_at as begun_at,
    last_message_at, items_left, message.*, row_number() over walk as place,
    not is_begun and row_number() over (partition by planned.id order by seq) = 1 as begins,
    coalesce(sum(octet_length(content) + coalesce(octet_length(context_text), 0)) over walk, 0) as least_bytes
  from planned
  left join lateral (
    select * from ((
  select * from messages
  where session_id = planned.id and status <> 'superseded' and seq > planned.after_seq
  order by seq limit $9 - planned.items_before) union all (
  select * from messages
  where session_id = planned.id and status = 'superseded' and seq > planned.after_seq
  order by seq limit $10 - planned.items_before)) merged
    order by seq limit $11 - planned.items_before
  ) message on true
  where items > 0 and items_before < $12
  window walk as (order by planned.id, seq)
), measured as (
  select *, sum(coalesce(message_bytes(content, context_text, finish_reason, rating_comment, metadata), 0)
    + case when begins then session_bytes(user_id, title, in_metadata) else 0 end) over (order by place) as bytes
  from item where place = 1 or least_bytes <= $13
)
select "id", "seq", "role", "content", "context_text", "finish_reason", "error_code", "prompt_tokens", "completion_tokens", "rating", "rating_comment", "metadata", "created_at", 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status", in_session, begins, items_left, case when begins then title end as session_title,
  case when begins then in_metadata end as session_metadata, case when begins then begun_at end as session_created_at,
  case when begins then last_message_at end as session_last_message_at
from measured
where place = 1 or bytes <= $14
order by place;
-- returns:
--   id uuid
--   seq integer
--   role text
--   content text
--   context_text text
--   finish_reason text
--   error_code text
--   prompt_tokens integer
--   completion_tokens integer
--   rating text
--   rating_comment text
--   metadata jsonb
--   created_at timestamp with time zone
--   current_status text
--   in_session uuid (sessions.id, not null)
--   begins boolean
--   items_left integer
--   session_title text
--   session_metadata jsonb
--   session_created_at timestamp with time zone
--   session_last_message_at timestamp with time zone
