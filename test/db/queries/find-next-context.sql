select next_seq from (
  select sessions.id, next_seq, expired.seq as expired_seq, coalesce(expired.reply_to, next_seq) as before,
    coalesce(expired.tokens, 0) as expired_tokens
  from sessions left join lateral (
    select seq, reply_to, $1::integer + turn_tokens_bound as tokens from messages
    where session_id = sessions.id and status = 'streaming' and lease_expires_at <= statement_timestamp() and content <> ''
  ) expired on true
  where sessions.id = $2 and user_id = $3
) session;
-- returns:
--   next_seq integer (sessions.next_seq, not null)

select turn.* from (
  select sessions.id, next_seq, expired.seq as expired_seq, coalesce(expired.reply_to, next_seq) as before,
    coalesce(expired.tokens, 0) as expired_tokens
  from sessions left join lateral (
    select seq, reply_to, $1::integer + turn_tokens_bound as tokens from messages
    where session_id = sessions.id and status = 'streaming' and lease_expires_at <= statement_timestamp() and content <> ''
  ) expired on true
  where sessions.id = $2 and user_id = $3
) session cross join lateral (
  select * from turn_window(session.id, session.before,
    greatest($4::integer - (session.expired_seq is not null)::integer, 0),
    $5::integer - session.expired_tokens, $6, $7)
  union all
  select message.seq, session.expired_tokens, false, message.content, message.context_text, reply.content, reply.seq
  from messages reply
  join messages message on message.session_id = reply.session_id and message.seq = reply.reply_to
    and message.status <> 'superseded'
  where reply.session_id = session.id and reply.seq = session.expired_seq and reply.status = 'streaming'
    and session.expired_tokens <= $8::integer and $9::integer > 0
) turn order by turn.seq;
-- returns:
--   seq integer
--   tokens integer
--   exact boolean
--   message text
--   context_text text
--   reply text
--   reply_seq integer

with bounds as (
select session.id, coalesce(min(turn.seq), session.next_seq) as window_from, session.next_seq as before
from (
  select sessions.id, next_seq, expired.seq as expired_seq, coalesce(expired.reply_to, next_seq) as before,
    coalesce(expired.tokens, 0) as expired_tokens
  from sessions left join lateral (
    select seq, reply_to, $1::integer + turn_tokens_bound as tokens from messages
    where session_id = sessions.id and status = 'streaming' and lease_expires_at <= statement_timestamp() and content <> ''
  ) expired on true
  where sessions.id = $2 and user_id = $3
) session left join lateral (
  select * from turn_window(session.id, session.before,
    greatest($4::integer - (session.expired_seq is not null)::integer, 0),
    $5::integer - session.expired_tokens, $6, $7)
  union all
  select message.seq, session.expired_tokens, false, message.content, message.context_text, reply.content, reply.seq
  from messages reply
  join messages message on message.session_id = reply.session_id and message.seq = reply.reply_to
    and message.status <> 'superseded'
  where reply.session_id = session.id and reply.seq = session.expired_seq and reply.status = 'streaming'
    and session.expired_tokens <= $8::integer and $9::integer > 0
) turn on true
group by session.id, session.next_seq
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
  order by seq desc limit $10
)
select * from skipped union all select * from older where turns > 0 order by to_seq desc;
-- returns:
--   from_seq integer
--   to_seq integer
--   turns integer
--   reason text
