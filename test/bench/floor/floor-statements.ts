/**
 * The least that a chat with a history asks of a database: the session is its user's, messages have an order, and the
 * model gets the last 20 turns. No retries, no leases, no caps, no counts.
 */
export const floorSchema = `
create table sessions (
  id uuid primary key,
  user_id text not null,
  next_seq integer not null default 1,
  last_message_at timestamptz
);
create table messages (
  session_id uuid not null references sessions (id),
  seq integer not null,
  id uuid not null,
  role text not null,
  content text not null,
  primary key (session_id, seq)
);`

/** $1 session, $2 user, $3 id of the message, $4 its content. */
export const floorBefore = `
with session as (
  update sessions set next_seq = next_seq + 2, last_message_at = statement_timestamp()
  where id = $1 and user_id = $2
  returning next_seq - 2 as seq
), asked as (
  insert into messages (session_id, seq, id, role, content)
  select $1, seq, $3, 'user', $4 from session
)
select session.seq, role, content from session cross join lateral (
  select seq, role, content from messages
  where session_id = $1 and messages.seq < session.seq
  order by messages.seq desc limit 40
) newest order by newest.seq`

/** $1 session, $2 seq of the message, $3 id of the reply, $4 its content. */
export const floorAfter = `
insert into messages (session_id, seq, id, role, content) values ($1, $2::integer + 1, $3, 'assistant', $4)`
