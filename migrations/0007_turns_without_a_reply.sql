-- Three ways in which a turn could take what it did not use:
-- 1. The Worker gives up on a begin without knowing its result (abandon_turn).
-- 2. The running reply is erased, or its lease is taken over: the turn's own finish still settles its debit.
-- 3. A regeneration fails: the reply that it was to replace stands.

create table ended_leases (
  lease uuid primary key,
  debited_tokens integer not null check (debited_tokens >= 0),
  debited_on date not null
);
comment on table ended_leases is 'turns that ended without a reply of their own: a late begin of such a turn does not run, and its late finish settles the debit; without content, kept for two days';
comment on column ended_leases.lease is 'random: it names no session and no user';
comment on column ended_leases.debited_tokens is 'what is still debited for the turn; 0 once that is settled';
comment on column ended_leases.debited_on is 'the spending.day of that debit';

alter type turn_start add attribute lock_timeout_ms integer;
alter type turn_end add attribute lock_timeout_ms integer;

-- A null, as released Workers send it, keeps the setting of the role.
create function turn_lock_timeout(ms integer) returns void
language plpgsql as $$
begin
  if ms is not null then
    perform set_config('lock_timeout', ms::text, true);
  end if;
end $$;
comment on function turn_lock_timeout(integer) is 'bounds each wait for a lock until this transaction ends, so that nobody waits for a caller who has given up';

create function turn_leave_lease() returns trigger
language plpgsql as $$
begin
  insert into ended_leases (lease, debited_tokens, debited_on)
  values (old.lease, coalesce(old.debited_tokens, 0), coalesce(old.debited_on, (clock_timestamp() at time zone 'UTC')::date))
  on conflict do nothing;
  return null;
end $$;
comment on function turn_leave_lease() is 'keeps the debit of a running reply whose row is erased or whose lease is taken over';

-- Triggers, since a reply is erased in many ways: with its session, with its user, by the owner, by hand.
create trigger messages_erased after delete on messages
for each row when (old.status = 'streaming' and old.lease is not null) execute function turn_leave_lease();
comment on trigger messages_erased on messages is 'the finish of an erased turn still settles its debit';

create trigger messages_lapsed after update of lease on messages
for each row when (old.status = 'streaming' and old.lease is not null and new.lease is null) execute function turn_leave_lease();
comment on trigger messages_lapsed on messages is 'the finish of a turn whose lease was taken over still settles its debit';

-- A regeneration is a reply that follows another one to the same message, which stands until the new one has ended with
-- text. Not sooner: the text of a running reply may turn out to be thinking.
create function turn_older_reply(t_session_id uuid, reply_to_seq integer, reply_seq integer) returns uuid
language plpgsql stable as $$
begin
  -- A reply that directly follows its message regenerates nothing: most turns read no row here.
  if reply_seq = reply_to_seq + 1 then return null; end if;
  return (
    select id from messages
    where session_id = t_session_id and status <> 'superseded' and seq > reply_to_seq and seq < reply_seq
    order by seq limit 1);
end $$;
comment on function turn_older_reply(uuid, integer, integer) is 'the reply that a regeneration is to replace, while it stands';

create function turn_supersede(t_session_id uuid, reply uuid) returns void
language plpgsql as $$
begin
  if reply is not null then
    update messages set status = 'superseded' where session_id = t_session_id and id = reply;
  end if;
end $$;
comment on function turn_supersede(uuid, uuid) is 'takes a reply out of the history and the window, once another one has text in its place; null: nothing';

create or replace function turn_settle(t turn_start, at timestamptz) returns timestamptz
language plpgsql as $$
declare
  running record;
  older_reply uuid;
begin
  select id, seq, reply_to, lease, lease_expires_at, content <> '' as has_text into running
  from messages where session_id = t.session_id and status = 'streaming';
  if running.id is null or running.lease_expires_at > at or running.lease = t.lease then
    return running.lease_expires_at;
  end if;
  older_reply := turn_older_reply(t.session_id, running.reply_to, running.seq);
  -- Without the owner's check, a stranger who knows the session's id could void the owner's late finish.
  update messages
  set status = case
      when running.has_text then 'interrupted'
      when older_reply is not null then 'superseded'
      else 'failed' end,
    error_code = 'interrupted', lease = null
  where session_id = t.session_id and id = running.id
    and exists (select from sessions where id = t.session_id and user_id = t.user_id);
  if found and running.has_text then
    perform turn_supersede(t.session_id, older_reply);
  end if;
  return null;
end $$;

create or replace function turn_rule(t turn_start, running_until timestamptz) returns turn_ruling
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

  -- A message has at most two replies that are not superseded: one that stands, and then one that is to replace it.
  select id, seq, status, lease into reply from (
    select id, seq, status, lease, reply_to from messages
    where session_id = t.session_id and status <> 'superseded' and seq > r.message_seq
    order by seq limit 2) next
  where reply_to = r.message_seq
  order by seq desc limit 1;
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
    when exists (
      select from messages
      where session_id = t.session_id and status <> 'superseded' and seq > reply.seq) then 'not_last'
    when reply.status = 'failed' then 'rerun'
    else 'regenerate' end;
  return r;
end $$;

create or replace function turn_store(t turn_start, r turn_ruling, window_from integer, debit integer, today date, at timestamptz)
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

create or replace function begin_turn(request jsonb) returns json
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
  perform turn_lock_timeout(t.lock_timeout_ms);
  perform turn_lock(t);
  -- Only a begin that its Worker has given up finds this.
  if exists (select from ended_leases where lease = t.lease) then
    return json_build_object('verdict', 'ended');
  end if;
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

create or replace function checkpoint_turn(request jsonb) returns text
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  t turn_end := jsonb_populate_record(null::turn_end, request);
  is_stopping boolean;
begin
  perform turn_lock_timeout(t.lock_timeout_ms);
  -- A late checkpoint takes back nothing of what a later one saved, which begins with the same text, and nothing of a reply
  -- that has ended. Text that does not continue the saved one replaces it: what was saved has turned out to be thinking.
  update messages
  set content = case when starts_with(content, t.content) then content else t.content end,
    token_count = greatest(token_count, t.reply_tokens),
    turn_tokens = greatest(turn_tokens, t.message_tokens + t.reply_tokens),
    turn_tokens_bound = greatest(turn_tokens_bound, t.message_tokens + t.reply_tokens),
    window_from = t.window_from, recalled = t.recalled, recalled_tokens = t.recalled_tokens,
    lease_expires_at = clock_timestamp() + t.lease_ms * interval '1 millisecond'
  where session_id = t.session_id and id = t.reply_id and status = 'streaming' and lease = t.lease
  returning stop_requested into is_stopping;
  return case when is_stopping is null then 'lost' when is_stopping then 'stop' else 'go_on' end;
end $$;

create or replace function turn_history(in_session uuid, max_messages integer, max_bytes integer, at timestamptz)
returns json
language plpgsql as $$
begin
  return (
    select json_build_object(
      'messages', coalesce(json_agg(page.message order by page.seq), '[]'),
      'has_more', coalesce(count(*) < max(page.fetched), false))
    from (
      select seq, message, place, fetched, sum(octet_length(message::text)) over (order by place) as bytes
      from (
        -- The bytes of the answer: of every member, as JSON escapes it. Only what may fit is made into JSON.
        select sized.seq, sized.place, sized.fetched, message_json(m, at) as message
        from (
          -- One more than is asked for tells whether there is more. The sizes are those of the columns, which are known
          -- without decompressing them.
          select id, seq, row_number() over walk as place, count(*) over () as fetched,
            sum(octet_length(content) + coalesce(octet_length(context_text), 0)) over walk as least_bytes
          from (
            select id, seq, content, context_text from messages
            where session_id = in_session and status <> 'superseded'
            order by seq desc limit max_messages + 1
          ) newest
          window walk as (order by seq desc)
        ) sized
        join messages m on m.session_id = in_session and m.id = sized.id
        where sized.place <= max_messages and (sized.place = 1 or sized.least_bytes <= max_bytes)
        offset 0
      ) measured
    ) page
    where page.place = 1 or page.bytes <= max_bytes
  );
end $$;

create function turn_refund_lost(t turn_end) returns void
language plpgsql as $$
declare
  lost record;
begin
  -- The session's lock is held, so nobody else settles it meanwhile.
  select debited_tokens, debited_on into lost from ended_leases where lease = t.lease and debited_tokens > 0;
  if found then
    update ended_leases set debited_tokens = 0 where lease = t.lease;
    perform turn_refund(t, lost.debited_tokens, lost.debited_on);
  end if;
end $$;
comment on function turn_refund_lost(turn_end) is 'settles, once, the debit of a turn that lost its reply: to an erasure, or to whoever took its lease over';

create or replace function finish_turn(request jsonb) returns json
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  t turn_end := jsonb_populate_record(null::turn_end, request);
  at timestamptz;
  mine record;
  is_mine boolean;
  older_reply uuid;
  reported_tokens integer;
  finished json;
begin
  perform turn_requires_read_committed();
  perform turn_lock_timeout(t.lock_timeout_ms);
  perform session_lock(t.session_id);
  at := clock_timestamp();
  select seq, reply_to, debited_tokens, debited_on into mine from messages
  where session_id = t.session_id and id = t.reply_id and status = 'streaming' and lease = t.lease;
  is_mine := found;

  if is_mine then
    older_reply := turn_older_reply(t.session_id, mine.reply_to, mine.seq);
    if t.content <> '' then
      perform turn_supersede(t.session_id, older_reply);
    end if;
    reported_tokens := turn_reported_tokens(t, mine.reply_to);
    if reported_tokens is not null then
      update messages set token_count = reported_tokens
      where session_id = t.session_id and seq = mine.reply_to and status <> 'superseded';
    end if;
    -- Without text it replaces nothing: the older reply stands, and this one is out of the history.
    update messages set status = case when t.content = '' and older_reply is not null then 'superseded' else t.status end,
      content = t.content, finish_reason = t.finish_reason,
      error_code = t.error_code, model = t.model, prompt_tokens = t.prompt_tokens,
      completion_tokens = t.completion_tokens, window_from = t.window_from, recalled = t.recalled,
      recalled_tokens = t.recalled_tokens, token_count = coalesce(t.reported_reply_tokens, t.reply_tokens),
      turn_tokens = coalesce(reported_tokens, t.message_tokens) + coalesce(t.reported_reply_tokens, t.reply_tokens),
      turn_tokens_bound = t.message_tokens + t.reply_tokens,
      turn_tokens_exact = reported_tokens is not null and t.reported_reply_tokens is not null,
      counted_by = case when t.reported_reply_tokens is not null then t.counted_by end
    where session_id = t.session_id and id = t.reply_id and lease = t.lease;
  end if;

  -- A finish that is repeated finds its lease on the reply that it stored before. A reply without text is failed to its
  -- own client, also where an older one stands.
  select json_build_object('outcome', case when m.lease = t.lease then 'stored' else 'taken_over' end,
    'reply', case when m.lease = t.lease then
      case when m.status = 'superseded' and m.content = ''
        then (message_json(m, at)::jsonb || '{"current_status": "failed"}')::json
        else message_json(m, at) end
      end,
    'history', case when m.lease = t.lease and t.history_limit > 0 then
      turn_history(t.session_id, t.history_limit, t.history_bytes, at) end)
  into finished
  from messages m where m.session_id = t.session_id and m.id = t.reply_id;

  -- Once, by the call that stored the reply, or by the first one after the reply was lost. The last step: it locks the
  -- site's row, which is everybody's.
  if is_mine then
    perform turn_refund(t, mine.debited_tokens, mine.debited_on);
  else
    perform turn_refund_lost(t);
  end if;
  return coalesce(finished, json_build_object('outcome', 'session_deleted'));
end $$;

create function abandon_turn(request jsonb) returns text
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  t turn_end := jsonb_populate_record(null::turn_end, request);
  begun record;
begin
  perform turn_lock_timeout(t.lock_timeout_ms);
  perform session_lock(t.session_id);
  -- First: it stops a begin of this lease that is still on its way.
  insert into ended_leases (lease, debited_tokens, debited_on)
  values (t.lease, 0, (clock_timestamp() at time zone 'UTC')::date)
  on conflict do nothing;
  select id, seq, reply_to, debited_tokens, debited_on into begun from messages
  where session_id = t.session_id and status = 'streaming' and lease = t.lease;
  if not found then
    perform turn_refund_lost(t);
    return 'not_begun';
  end if;
  -- The lease stays on the row: it is the row's own record of the turn that ended here.
  update messages
  set status = case
      when turn_older_reply(session_id, begun.reply_to, begun.seq) is null then 'failed'
      else 'superseded' end,
    error_code = t.error_code
  where session_id = t.session_id and id = begun.id;
  perform turn_refund(t, begun.debited_tokens, begun.debited_on);
  return 'abandoned';
end $$;
comment on function abandon_turn(jsonb) is 'undoes a begin whose result its Worker never learned: the reply is failed, the session free, the debit refunded; returns abandoned, or not_begun if there is no such running reply (any more); repeated, it changes nothing; takes a turn_end';
