with mine as materialized (
  select id, next_seq - 1 as last_seq from sessions where user_id = $1 and id >= $2
), nearest as (
  select id, id = $3 as is_begun, case id when $4 then $5::integer else 0 end as after_seq,
    case id when $6 then greatest(last_seq - $7::integer, 0) else greatest(last_seq, 1) end as items
  from mine order by id limit $8
), planned as (
  select *, (sum(items) over (order by id) - items)::integer as items_before,
    (sum(items) over ())::integer as items_left
  from nearest
), item as (
  select planned.id as in_session, is_begun, items_left, message.*, row_number() over walk as place,
    row_number() over (partition by planned.id order by seq) as place_in_session,
    sum(coalesce(octet_length(content) + octet_length(metadata::text), 0) + coalesce(octet_length(context_text), 0))
      over walk as bytes
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
)
select item.*, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status", sessions.id is not null as begins, sessions.title as session_title,
  sessions.metadata as session_metadata, sessions.created_at as session_created_at,
  sessions.last_message_at as session_last_message_at
from item
left join sessions on sessions.id = in_session and place_in_session = 1 and not is_begun
where place = 1 or bytes <= $13
order by in_session, seq;
-- returns:
--   in_session uuid (sessions.id, not null)
--   is_begun boolean
--   items_left integer
--   session_id uuid
--   id uuid
--   seq integer
--   role text
--   status text
--   content text
--   context_text text
--   metadata jsonb
--   created_at timestamp with time zone
--   token_count integer
--   reply_to integer
--   finish_reason text
--   error_code text
--   model text
--   prompt_tokens integer
--   completion_tokens integer
--   window_from integer
--   turn_tokens integer
--   turn_tokens_bound integer
--   turn_tokens_exact boolean
--   counted_by text
--   lease uuid
--   lease_expires_at timestamp with time zone
--   stop_requested boolean
--   debited_tokens integer
--   debited_on date
--   rating text
--   rating_comment text
--   recalled integer[]
--   recalled_tokens integer
--   system_tokens integer
--   place bigint
--   place_in_session bigint
--   bytes bigint
--   current_status text
--   begins boolean
--   session_title text (sessions.title)
--   session_metadata jsonb (sessions.metadata, not null)
--   session_created_at timestamp with time zone (sessions.created_at, not null)
--   session_last_message_at timestamp with time zone (sessions.last_message_at)
