-- The tables of commit 77e6131 (migrations 0001 and 0002), without their comments.

create table sessions (
  id uuid primary key,
  user_id text not null check (user_id <> ''),
  title text,
  metadata jsonb not null default '{}',
  next_seq integer not null default 1 check (next_seq >= 1),
  created_at timestamptz(3) not null default statement_timestamp(),
  last_message_at timestamptz(3)
);

create index sessions_user on sessions (user_id);

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

create unique index messages_history on messages (session_id, seq) where status <> 'superseded';

create unique index messages_superseded on messages (session_id, seq) where status = 'superseded';

create unique index messages_streaming on messages (session_id) where status = 'streaming';

create index messages_window on messages (session_id, seq)
  include (reply_to, turn_tokens, turn_tokens_bound, turn_tokens_exact, counted_by)
  where role = 'assistant' and status in ('complete', 'interrupted');

create table spending (
  day date not null,
  payer text collate "C" not null check (payer <> ''),
  tokens bigint not null default 0,
  turns integer not null default 0,
  prompt_tokens bigint not null default 0,
  completion_tokens bigint not null default 0,
  primary key (day, payer)
) with (fillfactor = 50);

alter table messages
  add column debited_tokens integer check (debited_tokens >= 0),
  add column debited_on date,
  add column rating text check (rating in ('up', 'down')),
  add column rating_comment text,
  add check (rating is null or role = 'assistant'),
  add check (rating_comment is null or rating is not null);
