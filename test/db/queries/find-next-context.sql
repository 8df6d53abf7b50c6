select next_seq from (select id, next_seq from sessions where id = $1 and user_id = $2) session;
-- returns:
--   next_seq integer (sessions.next_seq, not null)

select turn.* from (select id, next_seq from sessions where id = $1 and user_id = $2) session cross join lateral turn_window(session.id, session.next_seq, $3, $4,
  $5, $6) turn order by turn.seq;
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
from (select id, next_seq from sessions where id = $1 and user_id = $2) session left join lateral turn_window(session.id, session.next_seq, $3, $4,
  $5, $6) turn on true
group by session.id, session.next_seq
), older as (
  select min(seq) as from_seq, max(seq) as to_seq, count(*)::integer as turns, 'older_than_window' as reason
  from bounds join messages m on m.session_id = bounds.id and role = 'assistant' and status in ('complete', 'interrupted')
    and seq < bounds.window_from
), skipped as (
  select seq as from_seq, seq as to_seq, 1 as turns, case
      when status = 'superseded' then 'superseded'
      when status = 'streaming' and lease_expires_at > statement_timestamp() then 'running'
      else 'failed' end as reason
  from bounds join messages m on m.session_id = bounds.id and role = 'assistant' and seq > bounds.window_from
    and seq < bounds.before
    and status not in ('complete', 'interrupted')
  order by seq desc limit $7
)
select * from skipped union all select * from older where turns > 0 order by to_seq desc;
-- returns:
--   from_seq integer
--   to_seq integer
--   turns integer
--   reason text
