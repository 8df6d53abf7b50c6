select message.seq, reply.window_from, reply.recalled_elsewhere, reply.recalled_tokens, reply.system_tokens, reply.model,
  reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens,
  message.content, message.context_text, message.token_count,
  reply.continued_tokens, left(reply.content, reply.continued_from) as continued
from (
  select r.* from messages r join sessions on sessions.id = r.session_id
  where r.session_id = $1 and r.id = $2 and r.role = 'assistant' and user_id = $3
) reply join messages message
  on message.session_id = reply.session_id and message.seq = reply.reply_to and message.status <> 'superseded';
-- returns:
--   seq integer (messages.seq, not null)
--   window_from integer (messages.window_from)
--   recalled_elsewhere smallint (messages.recalled_elsewhere, not null)
--   recalled_tokens integer (messages.recalled_tokens, not null)
--   system_tokens integer (messages.system_tokens)
--   model text (messages.model)
--   prompt_tokens integer (messages.prompt_tokens)
--   completion_tokens integer (messages.completion_tokens)
--   cached_tokens integer (messages.cached_tokens)
--   content text (messages.content, not null)
--   context_text text (messages.context_text)
--   token_count integer (messages.token_count, not null)
--   continued_tokens integer (messages.continued_tokens)
--   continued text

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

select message.seq, turn.seq as reply_seq, turn.created_at, left(message.content, 8000) as message,
  message.context_text, left(turn.content, 8000) as reply
from (
  select r.* from messages r join sessions on sessions.id = r.session_id
  where r.session_id = $1 and r.id = $2 and r.role = 'assistant' and user_id = $3
) reply
join messages turn on turn.session_id = reply.session_id and turn.seq = any (reply.recalled)
  and turn.status <> 'superseded'
join messages message
  on message.session_id = turn.session_id and message.seq = turn.reply_to and message.status <> 'superseded'
order by turn.seq;
-- returns:
--   seq integer (messages.seq, not null)
--   reply_seq integer (messages.seq, not null)
--   created_at timestamp with time zone (messages.created_at, not null)
--   message text
--   context_text text (messages.context_text)
--   reply text

select before.* from (
  select r.* from messages r join sessions on sessions.id = r.session_id
  where r.session_id = $1 and r.id = $2 and r.role = 'assistant' and user_id = $3
) reply cross join lateral turn_before(reply.session_id, reply.reply_to) before;
-- returns:
--   window_from integer
--   recalled_tokens integer
--   system_tokens integer
--   model text
--   asked_seq integer
--   message_tokens integer
--   message_content text
--   message_context text

select left_out.* from (
  select r.* from messages r join sessions on sessions.id = r.session_id
  where r.session_id = $1 and r.id = $2 and r.role = 'assistant' and user_id = $3
) reply
cross join lateral turns_left_out(reply.session_id, reply.window_from, null, reply.reply_to) left_out
where reply.window_from is not null;
-- returns:
--   from_seq integer
--   to_seq integer
--   turns integer
--   reason text
