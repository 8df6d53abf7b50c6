-- Sessions and messages: all that a turn needs in its one round trip before the model and its one after.

create table sessions (
  id uuid primary key,
  user_id text not null check (user_id <> ''),
  title text,
  metadata jsonb not null default '{}',
  next_seq integer not null default 1 check (next_seq >= 1),
  created_at timestamptz(3) not null default statement_timestamp(),
  last_message_at timestamptz(3)
);

comment on table sessions is 'one conversation of one user';
comment on column sessions.id is 'random, or made of user and message_id where a turn named no session, so that its retry finds it';
comment on column sessions.metadata is 'an object of the client''s own';
comment on column sessions.user_id is 'visitor:<base64url SHA-256 of the visitor token> or user:<sub of the JWT>; never the token';
comment on column sessions.title is 'first line of the first message until it is renamed; null in an empty session';
comment on column sessions.next_seq is 'the seq of the next message: order is given here, under the session''s lock, never by a clock';
comment on column sessions.created_at is 'milliseconds, as JavaScript has them, so that a cursor made of it finds its row again';
comment on column sessions.last_message_at is 'null in an empty session; not indexed: an index here would end HOT updates';

create index sessions_user on sessions (user_id);
comment on index sessions_user is 'a user''s sessions, sorted when read: a user has few';

create table messages (
  session_id uuid not null references sessions (id) on delete cascade,
  id uuid not null,
  seq integer not null check (seq >= 1),
  role text not null check (role in ('user', 'assistant')),
  status text not null check (status in ('complete', 'streaming', 'interrupted', 'failed', 'superseded')),
  content text not null,
  context_text text,
  metadata jsonb not null default '{}',
  created_at timestamptz(3) not null default statement_timestamp(),
  token_count integer not null check (token_count >= 0),
  -- of a reply only:
  reply_to integer check (reply_to < seq),
  finish_reason text,
  error_code text,
  model text,
  prompt_tokens integer check (prompt_tokens >= 0),
  completion_tokens integer check (completion_tokens >= 0),
  window_from integer check (window_from >= 1),
  turn_tokens integer check (turn_tokens >= 0),
  turn_tokens_bound integer check (turn_tokens_bound >= 0),
  turn_tokens_exact boolean,
  counted_by text,
  lease uuid,
  lease_expires_at timestamptz,
  stop_requested boolean,
  primary key (session_id, id),
  check (role = 'assistant' or (status = 'complete' and reply_to is null)),
  check (role = 'user' or (reply_to is not null and turn_tokens is not null and turn_tokens_bound is not null
    and turn_tokens_exact is not null and stop_requested is not null)),
  check (status <> 'streaming' or (lease is not null and lease_expires_at is not null)),
  check (status <> 'complete' or role = 'user' or finish_reason is not null)
);

comment on table messages is 'what a user said (role user) and the replies to it (role assistant)';
comment on constraint messages_pkey on messages is 'id is unique within its session, since the client names it: what a retry is found by';
comment on column messages.session_id is 'whose erasure takes the message with it';
comment on column messages.id is 'of a user''s message: the client''s message_id, or random; of a reply: random';
comment on column messages.role is 'who wrote it, given by the Worker alone';
comment on column messages.content is 'the text; of a running reply what the last checkpoint saved';
comment on column messages.metadata is 'an object of the client''s own';
comment on column messages.created_at is 'when it was accepted; of a reply when its turn began';
comment on column messages.finish_reason is 'why the model ended, in the provider''s word; null where it did not say, so the text is not whole';
comment on column messages.model is 'the configured model that wrote the reply; null until it ended';
comment on column messages.seq is 'place in the session, from 1, without gaps';
comment on column messages.status is 'a user''s message is complete; a reply is complete only with a finish_reason; streaming after lease_expires_at means interrupted, or failed without content';
comment on column messages.context_text is 'text that the visitor selected on the page, shown to the model as a quotation';
comment on column messages.token_count is 'tokens of the message as the model is sent it, without overhead: a bound never under o200k''s count, or exact once the provider told';
comment on column messages.reply_to is 'seq of the user''s message that this reply answers';
comment on column messages.error_code is 'why a reply failed or was interrupted: a code of the API';
comment on column messages.prompt_tokens is 'usage as the provider counted it; null until told';
comment on column messages.completion_tokens is 'usage as the provider counted it; null until told';
comment on column messages.window_from is 'seq of the first message that the model was sent for this reply: what prompt_tokens begins at';
comment on column messages.turn_tokens is 'token_count of the reply and of its message: what the turn takes in a window for the model in counted_by';
comment on column messages.turn_tokens_bound is 'the same, never under o200k''s count: what the turn takes for any other model';
comment on column messages.turn_tokens_exact is 'whether turn_tokens is the provider''s figure for both messages';
comment on column messages.counted_by is 'the model, and a hash of the system prompt, whose provider told turn_tokens; null while it is the bound';
comment on column messages.lease is 'names the turn that may write this reply; null when it was taken over';
comment on column messages.lease_expires_at is 'a Worker that has not renewed its lease by then is taken for dead';
comment on column messages.stop_requested is 'the visitor asked to stop: the turn reads it at its next checkpoint';

create unique index messages_history on messages (session_id, seq) where status <> 'superseded';
comment on index messages_history is 'the history in order, however many replies were superseded in between';

create unique index messages_superseded on messages (session_id, seq) where status = 'superseded';
comment on index messages_superseded is 'superseded replies, read on demand; small';

create unique index messages_streaming on messages (session_id) where status = 'streaming';
comment on index messages_streaming is 'one running reply a session: two turns at once cannot be stored';

create index messages_window on messages (session_id, seq)
  include (reply_to, turn_tokens, turn_tokens_bound, turn_tokens_exact, counted_by)
  where role = 'assistant' and status in ('complete', 'interrupted');
comment on index messages_window is 'the context window is cut on this index alone: replies that count, with the tokens of their turns';
