-- migrate: no-transaction
-- Only of turns after a session's first 256, which recall reads without it: a turn of a short session writes no entry here.
-- The conditions are those of turn_recall, word for word.
create index concurrently if not exists messages_terms on messages using gin (terms) with (fastupdate = off)
where (role = 'assistant') is true and (status in ('complete', 'interrupted')) is true and (seq > 512) is true
  and terms is not null;
comment on index messages_terms is 'terms of the turns after a session''s first 256, each salted by its session: what recall finds them by';
