-- The first round trip of a turn, as one function: Postgres plans its statements once per connection instead of once per
-- request. Its steps are functions of their own, in the order in which begin_turn, the last one, calls them.
--
-- It takes and returns one JSON value. A member that a deployed Worker does not send is null here, so the function can
-- gain members without a new signature (README.md in this folder has the rule).

create type turn_payer as (kind text, name text, max_tokens bigint);
comment on type turn_payer is 'whose tokens of the day a turn is debited to, and the cap of that day (null: counted only)';

create type turn_start as (
  session_id uuid,
  user_id text,
  create_session boolean,
  title text,
  message_id uuid,
  content text,
  context_text text,
  metadata jsonb,
  message_tokens integer,
  regenerate uuid,
  reply_id uuid,
  lease uuid,
  lease_ms integer,
  max_turns integer,
  window_tokens integer,
  overhead_tokens integer,
  counted_by text,
  system_tokens integer,
  max_tokens integer,
  payers turn_payer[]
);
comment on type turn_start is 'what begin_turn is called with; max_tokens is what prompt and reply take at most beside the window';

create type turn_ruling as (
  verdict text,
  next_seq integer,
  message_seq integer,
  reply_id uuid
);
comment on type turn_ruling is 'what turn_rule decides: new, rerun (of a failed reply), regenerate and repeated_begin run; replay, running, busy, mismatch, not_last and not_found do not';

-- READ COMMITTED gives each statement of a function a snapshot of its own, so it sees what the lock waited for.
create function turn_requires_read_committed() returns void
language plpgsql as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'turns need READ COMMITTED, not %', current_setting('transaction_isolation')
      using errcode = 'NC001', hint = 'Reset default_transaction_isolation of this role and database.';
  end if;
end $$;
comment on function turn_requires_read_committed() is 'raises NC001 under any other isolation level';

create function session_lock(session_id uuid) returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(session_id::text, 0));
end $$;
comment on function session_lock(uuid) is 'waits for other calls that change the session, until this transaction ends; it works before the session''s row exists';

create function turn_lock(t turn_start) returns void
language plpgsql as $$
declare
  payer turn_payer;
begin
  perform session_lock(t.session_id);
  -- By name and not by row, so that the first turn of a day waits too. All turns keep this order (session, user,
  -- address), so no two wait for each other. The site is everybody's: turn_charge locks its row, for a shorter time.
  foreach payer in array t.payers loop
    if payer.kind <> 'site' and payer.max_tokens is not null then
      perform pg_advisory_xact_lock(hashtextextended('spending of ' || payer.name, 0));
    end if;
  end loop;
end $$;
comment on function turn_lock(turn_start) is 'first step of begin_turn: waits for other changes of the session and for turns of the same capped payers';

create function turn_settle(t turn_start, at timestamptz) returns timestamptz
language plpgsql as $$
declare
  running record;
begin
  select id, lease, lease_expires_at into running from messages where session_id = t.session_id and status = 'streaming';
  if running.id is null or running.lease_expires_at > at or running.lease = t.lease then
    return running.lease_expires_at;
  end if;
  -- Without the owner's check, a stranger who knows the session's id could void the owner's late finish.
  update messages
  set status = case content when '' then 'failed' else 'interrupted' end, error_code = 'interrupted', lease = null
  where session_id = t.session_id and id = running.id
    and exists (select from sessions where id = t.session_id and user_id = t.user_id);
  return null;
end $$;
comment on function turn_settle(turn_start, timestamptz) is 'records what every read already shows: a reply whose lease has expired is not streaming any more; returns the end of the lease of a reply that is';

create function turn_rule(t turn_start, running_until timestamptz) returns turn_ruling
language plpgsql as $$
declare
  r turn_ruling;
  is_owned boolean;
  is_same boolean;
  reply record;
begin
  select next_seq, user_id = t.user_id into r.next_seq, is_owned from sessions where id = t.session_id;
  if r.next_seq is null then
    r.next_seq := 1;
    r.verdict := case when t.create_session and t.regenerate is null then 'new' else 'not_found' end;
    return r;
  elsif not is_owned then
    r.verdict := 'not_found';
    return r;
  end if;

  select seq, role = 'user' and content = t.content and context_text is not distinct from t.context_text
    and metadata = t.metadata
  into r.message_seq, is_same
  from messages where session_id = t.session_id and id = t.message_id;
  if r.message_seq is null then
    r.verdict := case
      when t.regenerate is not null then 'mismatch'
      when running_until is not null then 'busy'
      else 'new' end;
    return r;
  elsif not is_same then
    r.verdict := 'mismatch';
    return r;
  end if;

  select id, seq, status, lease into reply from messages
  where session_id = t.session_id and status <> 'superseded' and seq > r.message_seq
  order by seq limit 1;
  r.reply_id := reply.id;
  r.verdict := case
    when reply.status = 'streaming' and reply.lease = t.lease then 'repeated_begin'
    when reply.status = 'streaming' then 'running'
    -- The turn has already ended under this lease: this is an attempt of its begin that arrives late.
    when reply.lease = t.lease then 'replay'
    when t.regenerate is not null and not exists (
      select from messages
      where session_id = t.session_id and id = t.regenerate and reply_to = r.message_seq) then 'mismatch'
    when reply.status <> 'failed' and reply.id is distinct from t.regenerate then 'replay'
    when reply.seq < r.next_seq - 1 then 'not_last'
    when reply.status = 'failed' then 'rerun'
    else 'regenerate' end;
  return r;
end $$;
comment on function turn_rule(turn_start, timestamptz) is 'decides whether a turn runs, and how; reads a few rows by their keys and writes nothing';

create function turn_window(
  in_session uuid, before integer, max_turns integer, max_tokens integer, overhead_tokens integer, for_counted_by text
) returns table (
  seq integer, tokens integer, exact boolean, message text, context_text text, reply text, reply_seq integer
)
language sql stable as $$
  select cut.reply_to, cut.tokens, cut.exact, turn.message, turn.context_text, turn.reply, cut.seq
  from (
    -- The index alone holds what the cut needs, so no row is read that the window does not hold.
    select *, sum(newest.tokens) over (order by newest.seq desc) as total
    from (
      select m.seq, m.reply_to,
        overhead_tokens + case when m.counted_by = for_counted_by then m.turn_tokens else m.turn_tokens_bound end as tokens,
        coalesce(m.counted_by = for_counted_by, false) and m.turn_tokens_exact as exact
      from messages m
      where m.session_id = in_session and m.role = 'assistant' and m.status in ('complete', 'interrupted')
        and m.seq < before
      order by m.seq desc limit max_turns
    ) newest
  ) cut
  -- One probe for each turn, as a join would let Postgres read the whole session. Only superseded replies lie between a
  -- message and the reply that counts.
  cross join lateral (
    select max(m.content) filter (where m.role = 'user') as message,
      max(m.context_text) as context_text, max(m.content) filter (where m.role = 'assistant') as reply
    from messages m
    where m.session_id = in_session and m.status <> 'superseded' and m.seq between cut.reply_to and cut.seq
  ) turn
  where cut.total <= max_tokens
$$;
comment on function turn_window(uuid, integer, integer, integer, integer, text) is 'the newest whole turns before a seq that fit, with tokens that include their overhead; in no order';

create function turn_charge(t turn_start, cost integer, today date) returns text
language plpgsql as $$
declare
  payer turn_payer;
begin
  foreach payer in array t.payers loop
    if payer.kind <> 'site' and payer.max_tokens < cost + coalesce((
      select tokens from spending where day = today and spending.payer = payer.name), 0) then
      return payer.kind;
    end if;
  end loop;
  -- The site's row is locked from here to the commit, so everything that can be done before it comes before it. The
  -- upsert holds the cap by itself, as it reads the newest version of its row. It precedes the other rows of the day,
  -- here and in finish_turn, so that no two turns wait for each other.
  foreach payer in array t.payers loop
    if payer.kind = 'site' and payer.max_tokens is not null then
      insert into spending (day, payer, tokens, turns)
      select today, payer.name, cost, 1 where cost <= payer.max_tokens
      on conflict on constraint spending_pkey do update
      set tokens = spending.tokens + excluded.tokens, turns = spending.turns + 1
      where spending.tokens + excluded.tokens <= payer.max_tokens;
      if not found then return 'site'; end if;
    end if;
  end loop;
  foreach payer in array t.payers loop
    if payer.kind <> 'site' then
      insert into spending (day, payer, tokens, turns) values (today, payer.name, cost, 1)
      on conflict on constraint spending_pkey do update
      set tokens = spending.tokens + excluded.tokens, turns = spending.turns + 1;
    end if;
  end loop;
  return null;
end $$;
comment on function turn_charge(turn_start, integer, date) is 'debits what the turn may cost to each of its payers; or returns the kind of the payer whose cap does not allow it, and debits nobody';

create function turn_store(t turn_start, r turn_ruling, window_from integer, debit integer, today date, at timestamptz)
returns uuid
language plpgsql as $$
declare
  expires timestamptz := at + t.lease_ms * interval '1 millisecond';
  reply_seq integer := r.next_seq;
  asked_seq integer := coalesce(r.message_seq, r.next_seq);
begin
  if r.verdict = 'rerun' then
    update sessions set last_message_at = at where id = t.session_id;
    -- Every column gets a new row's value: nothing of the failed try may count for this one.
    update messages set status = 'streaming', content = '', token_count = 0, created_at = at,
      finish_reason = null, error_code = null, model = null, prompt_tokens = null, completion_tokens = null,
      window_from = turn_store.window_from, recalled = null, recalled_tokens = 0, system_tokens = t.system_tokens,
      turn_tokens = t.message_tokens, turn_tokens_bound = t.message_tokens, turn_tokens_exact = false, counted_by = null,
      lease = t.lease, lease_expires_at = expires, stop_requested = false, rating = null, rating_comment = null,
      debited_tokens = debit, debited_on = today
    where session_id = t.session_id and id = r.reply_id;
    return r.reply_id;
  end if;

  if r.verdict = 'new' then
    reply_seq := r.next_seq + 1;
    update sessions set next_seq = reply_seq + 1, title = coalesce(title, t.title), last_message_at = at
    where id = t.session_id;
    if not found then
      insert into sessions (id, user_id, title, next_seq, last_message_at, created_at)
      values (t.session_id, t.user_id, t.title, reply_seq + 1, at, at);
    end if;
  else -- regenerate
    update sessions set next_seq = reply_seq + 1, last_message_at = at where id = t.session_id;
    update messages set status = 'superseded' where session_id = t.session_id and id = r.reply_id;
  end if;

  -- One statement for both rows, since the checks of the table are prepared for each statement.
  insert into messages (session_id, id, seq, role, status, content, context_text, metadata, token_count, created_at,
    reply_to, window_from, system_tokens, turn_tokens, turn_tokens_bound, turn_tokens_exact,
    lease, lease_expires_at, stop_requested, debited_tokens, debited_on)
  select t.session_id, t.message_id, asked_seq, 'user', 'complete', t.content, t.context_text, t.metadata,
    t.message_tokens, at, null, null, null, null, null, null, null, null, null, null, null
  where r.verdict = 'new'
  union all
  select t.session_id, t.reply_id, reply_seq, 'assistant', 'streaming', '', null, '{}', 0, at,
    asked_seq, turn_store.window_from, t.system_tokens, t.message_tokens, t.message_tokens, false,
    t.lease, expires, false, debit, today;
  return t.reply_id;
end $$;
comment on function turn_store(turn_start, turn_ruling, integer, integer, date, timestamptz) is 'stores the message of a new turn, and the empty reply that bears its lease; returns the reply''s id';

create function message_json(m messages, at timestamptz) returns json
language sql stable as $$
  select json_build_object('id', m.id, 'seq', m.seq, 'role', m.role, 'content', m.content,
    'current_status', case
      when m.status <> 'streaming' or m.lease_expires_at > at then m.status
      when m.content = '' then 'failed'
      else 'interrupted' end,
    'context_text', m.context_text, 'finish_reason', m.finish_reason, 'error_code', m.error_code,
    'prompt_tokens', m.prompt_tokens, 'completion_tokens', m.completion_tokens,
    'rating', m.rating, 'rating_comment', m.rating_comment, 'metadata', m.metadata, 'created_at', m.created_at)
$$;
comment on function message_json(messages, timestamptz) is 'a message as the API shows it: a reply whose lease has expired at that time is not streaming';

create function turn_message(in_session uuid, message uuid, at timestamptz) returns json
language plpgsql as $$
begin
  return (select message_json(m, at) from messages m where m.session_id = in_session and m.id = message);
end $$;
comment on function turn_message(uuid, uuid, timestamptz) is 'a message of a session, by its id';

create function turn_wait_ms(wait interval) returns integer
language sql immutable as $$
  select ceil(greatest(extract(epoch from wait) * 1000, 0))::integer
$$;
comment on function turn_wait_ms(interval) is 'milliseconds, rounded up, never negative';

create function begin_turn(request jsonb) returns json
language plpgsql
-- No plan depends on the values of a call, and planning for them would take longer than the statement.
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  t turn_start := jsonb_populate_record(null::turn_start, request);
  at timestamptz;
  today date;
  running_until timestamptz;
  r turn_ruling;
  window_from integer;
  window_tokens integer;
  turns json;
  capped text;
  reply_id uuid;
begin
  perform turn_requires_read_committed();
  perform turn_lock(t);
  -- Not statement_timestamp(), which is from before the wait for the lock.
  at := clock_timestamp();
  today := (at at time zone 'UTC')::date;
  running_until := turn_settle(t, at);
  r := turn_rule(t, running_until);

  if r.verdict in ('not_found', 'mismatch', 'not_last') then
    return json_build_object('verdict', r.verdict);
  elsif r.verdict in ('busy', 'running') then
    return json_build_object('verdict', r.verdict, 'retry_after_ms', turn_wait_ms(running_until - at));
  elsif r.verdict = 'replay' then
    return json_build_object('verdict', r.verdict, 'message', turn_message(t.session_id, t.message_id, at),
      'reply', turn_message(t.session_id, r.reply_id, at));
  end if;

  -- Turns are arrays, as their keys would be a third of the bytes. They are read before the charge locks the site's row.
  select min(w.seq), coalesce(sum(w.tokens), 0), coalesce(json_agg(
    json_build_array(w.seq, w.tokens, w.exact, w.message, w.context_text, w.reply, w.reply_seq) order by w.seq), '[]')
  into window_from, window_tokens, turns
  from turn_window(t.session_id, coalesce(r.message_seq, r.next_seq), t.max_turns, t.window_tokens, t.overhead_tokens,
    t.counted_by) w;

  if r.verdict = 'repeated_begin' then
    reply_id := r.reply_id;
    update messages set lease_expires_at = at + t.lease_ms * interval '1 millisecond'
    where session_id = t.session_id and id = r.reply_id;
  else
    capped := turn_charge(t, t.max_tokens + window_tokens, today);
    if capped is not null then
      return json_build_object('verdict', 'capped', 'capped', capped,
        'retry_after_ms', turn_wait_ms(today + 1 - at at time zone 'UTC'));
    end if;
    reply_id := turn_store(t, r, coalesce(window_from, r.message_seq, r.next_seq), t.max_tokens + window_tokens, today, at);
  end if;
  return json_build_object('verdict', 'run', 'message', turn_message(t.session_id, t.message_id, at),
    'reply_id', reply_id, 'turns', turns);
end $$;
comment on function begin_turn(jsonb) is 'takes a turn''s lease, debits what it may cost, stores its message and an empty reply, and returns its window; a turn that is refused leaves nothing behind; takes a turn_start';
