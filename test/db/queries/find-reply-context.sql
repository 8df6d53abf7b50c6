select message.seq, reply.window_from, reply.recalled, reply.recalled_tokens, reply.system_tokens, reply.model,
  reply.prompt_tokens, reply.completion_tokens, message.content, message.context_text, message.token_count
from (
  select r.* from messages r join sessions on sessions.id = r.session_id
  where r.session_id = $1 and r.id = $2 and r.role = 'assistant' and user_id = $3
) reply join messages message
  on message.session_id = reply.session_id and message.seq = reply.reply_to and message.status <> 'superseded';
-- returns:
--   seq integer (messages.seq, not null)
--   window_from integer (messages.window_from)
--   recalled integer[] (messages.recalled)
--   recalled_tokens integer (messages.recalled_tokens, not null)
--   system_tokens integer (messages.system_tokens)
--   model text (messages.model)
--   prompt_tokens integer (messages.prompt_tokens)
--   completion_tokens integer (messages.completion_tokens)
--   content text (messages.content, not null)
--   context_text text (messages.context_text)
--   token_count integer (messages.token_count, not null)

select message.seq, $1::integer
    + case when turn.counted_by = reply.counted_by then turn.turn_tokens else turn.turn_tokens_bound end as tokens,
  coalesce(turn.counted_by = reply.counted_by, false) and turn.turn_tokens_exact as exact,
  message.content as message, message.context_text, turn.content as reply, turn.seq as reply_seq
from (
  select r.* from messages r join sessions on sessions.id = r.session_id
  where r.session_id = $2 and r.id = $3 and r.role = 'assistant' and user_id = $4
) reply
join messages turn on turn.session_id = reply.session_id and turn.role = 'assistant'
  and turn.status in ('complete', 'interrupted') and turn.seq > reply.window_from and turn.seq < reply.reply_to
join messages message
  on message.session_id = turn.session_id and message.seq = turn.reply_to and message.status <> 'superseded'
order by turn.seq;
-- returns:
--   seq integer (messages.seq, not null)
--   tokens integer
--   exact boolean
--   message text (messages.content, not null)
--   context_text text (messages.context_text)
--   reply text (messages.content, not null)
--   reply_seq integer (messages.seq, not null)

with bounds as (select session_id as id, window_from, reply_to as before from (
  select r.* from messages r join sessions on sessions.id = r.session_id
  where r.session_id = $1 and r.id = $2 and r.role = 'assistant' and user_id = $3
) reply where window_from is not null
), older as (
  select min(seq) as from_seq, max(seq) as to_seq, count(*)::integer as turns, 'older_than_window' as reason
  from bounds join messages m on m.session_id = bounds.id and role = 'assistant' and status in ('complete', 'interrupted')
    and seq < bounds.window_from
), skipped as (
  select seq as from_seq, seq as to_seq, 1 as turns, case
      when status = 'superseded' and content <> '' then 'superseded'
      when status = 'streaming' and lease_expires_at > statement_timestamp() then 'running'
      else 'failed' end as reason
  from bounds cross join older join messages m on m.session_id = bounds.id and role = 'assistant'
    and seq > coalesce(older.to_seq, 0) and seq < bounds.before
    and status not in ('complete', 'interrupted') and not (status = 'streaming' and lease_expires_at <= statement_timestamp() and content <> '')
  order by seq desc limit $4
)
select * from skipped union all select * from older where turns > 0 order by to_seq desc;
-- returns:
--   from_seq integer
--   to_seq integer
--   turns integer
--   reason text
