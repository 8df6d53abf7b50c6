-- Bounds the rows and bytes that a list, a search, a claim or an export reads, however much a user or a site has.
--
-- The two columns are generated, so that the functions of a turn need not know them. Neither changes in a turn of a
-- session that had one in the same hour, so such a turn's update stays HOT. A new session costs 250 bytes of WAL more.
-- Postgres rewrites sessions for the columns, and turns wait meanwhile: measured, 0.1 s for 20,000 sessions and 12 s for a
-- million, on two busy cores. Messages are not touched.

create function activity_hour(at timestamptz) returns integer
language sql immutable parallel safe as $$
  select floor(extract(epoch from at at time zone 'UTC') / 3600)::integer
$$;
comment on function activity_hour(timestamptz) is 'hours since 1970 (UTC): the unit in which the indexes of sessions keep the last activity';

alter table sessions
  add column active_hour integer not null
    generated always as (activity_hour(coalesce(last_message_at, created_at))) stored,
  add column empty_since timestamptz(3)
    generated always as (case when next_seq = 1 then created_at end) stored;
comment on column sessions.active_hour is 'activity_hour of the last activity; indexed in place of last_message_at, which changes with every turn';
comment on column sessions.empty_since is 'created_at of a session that never had a message, else null';

create index sessions_user_id on sessions (user_id, id);
comment on index sessions_user_id is 'a user''s sessions in the order of ids: what exports, claims and erasures walk';

-- No hour is null. "nulls last" makes the order of a user's list one that sessions_activity does not have: Postgres would
-- otherwise walk that index past the newer sessions of all others, since it takes a user's for spread evenly.
create index sessions_user_activity on sessions (user_id, active_hour desc nulls last);
comment on index sessions_user_activity is 'a user''s sessions, latest activity first: a list sorts only the sessions of an hour';

create index sessions_activity on sessions (active_hour);
comment on index sessions_activity is 'all sessions, latest activity first, for the owner''s list and search';

create index sessions_empty on sessions (user_id, empty_since) where empty_since is not null;
comment on index sessions_empty is 'a user''s sessions without messages, of which a few are kept';

drop index sessions_user;

create function message_bytes(content text, context_text text, finish_reason text, rating_comment text, metadata jsonb)
returns integer
language sql stable parallel safe as $$
  select 400 + octet_length(to_json(content)::text) + coalesce(octet_length(to_json(context_text)::text), 0)
    + coalesce(octet_length(to_json(finish_reason)::text), 0) + coalesce(octet_length(to_json(rating_comment)::text), 0)
    + octet_length(metadata::text)
$$;
comment on function message_bytes(text, text, text, text, jsonb) is 'bytes of a message in an answer, as JSON: at least what it takes';

create function session_bytes(user_id text, title text, metadata jsonb) returns integer
language sql stable parallel safe as $$
  select 300 + octet_length(to_json(user_id)::text) + coalesce(octet_length(to_json(title)::text), 0)
    + octet_length(metadata::text)
$$;
comment on function session_bytes(text, text, jsonb) is 'bytes of a session in an answer, as JSON: at least what it takes';
