-- What the caps on spending count, and what visitors think of replies.

create table spending (
  day date not null,
  payer text collate "C" not null check (payer <> ''),
  tokens bigint not null default 0,
  turns integer not null default 0,
  prompt_tokens bigint not null default 0,
  completion_tokens bigint not null default 0,
  primary key (day, payer)
) with (fillfactor = 50);

comment on table spending is 'tokens of a day (UTC): debited before the model is called, refunded after; without content, so it outlives what was erased';
comment on column spending.day is 'the UTC day on which the turn began';
comment on column spending.payer is 'a user_id, address:<keyed hash of address and day>, or site';
comment on column spending.tokens is 'what counts against the cap: of ended turns prompt_tokens and completion_tokens, of those that run or whose Worker died all they may have cost';
comment on column spending.turns is 'turns that were let through';
comment on column spending.prompt_tokens is 'of ended turns: usage as the provider counted it, or a bound where it did not tell';
comment on column spending.completion_tokens is 'the same';

alter table messages
  add column debited_tokens integer check (debited_tokens >= 0),
  add column debited_on date,
  add column rating text check (rating in ('up', 'down')),
  add column rating_comment text,
  add check (rating is null or role = 'assistant'),
  add check (rating_comment is null or rating is not null);

comment on column messages.debited_tokens is 'of a reply: what its turn was debited at its beginning, all it may cost';
comment on column messages.debited_on is 'the spending.day of that debit';
comment on column messages.rating is 'the visitor''s feedback on a reply: up or down';
comment on column messages.rating_comment is 'the visitor''s words with it';
