-- The turn's functions with memory: what begin_turn recalls, and the terms that checkpoint_turn and finish_turn store.

create or replace function turn_supersede(t_session_id uuid, reply uuid) returns void
language plpgsql as $$
begin
  if reply is not null then
    update messages set status = 'superseded', terms = null, message_terms = null
    where session_id = t_session_id and id = reply;
  end if;
end $$;

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
    error_code = 'interrupted', lease = null,
    terms = case when running.has_text then terms end, message_terms = case when running.has_text then message_terms end
  where session_id = t.session_id and id = running.id
    and exists (select from sessions where id = t.session_id and user_id = t.user_id);
  if found and running.has_text then
    perform turn_supersede(t.session_id, older_reply);
  end if;
  return null;
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
      cached_tokens = null, terms = null, message_terms = null,
      window_from = turn_store.window_from, recalled = null, recalled_elsewhere = 0, recalled_tokens = 0,
      system_tokens = t.system_tokens,
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

create or replace function turn_refund(t turn_end, debited integer, debited_on date) returns void
language plpgsql as $$
declare
  -- The site first: the order of turn_charge.
  names text[] := array(select name from unnest(t.payers) with ordinality as p (name, place) order by name <> 'site', place);
  payer_name text;
begin
  foreach payer_name in array names loop
    update spending s set
      tokens = s.tokens - debited + t.spent_prompt_tokens + t.spent_completion_tokens,
      prompt_tokens = s.prompt_tokens + t.spent_prompt_tokens,
      completion_tokens = s.completion_tokens + t.spent_completion_tokens,
      cached_tokens = s.cached_tokens + coalesce(t.spent_cached_tokens, 0)
    where s.day = debited_on and s.payer = payer_name;
  end loop;
end $$;

create type turn_context as (
  window_from integer,
  window_tokens integer,
  fits_from integer,
  turns json,
  recalled json
);
comment on type turn_context is 'what the model is sent of the history: window_from is the seq of the window''s first message, or of the new one; fits_from that of the oldest turn that would fit';

create function turn_context(t turn_start, asked_seq integer) returns turn_context
language plpgsql stable as $$
declare
  c turn_context;
begin
  -- Turns are arrays, as their keys would be a third of the bytes.
  select coalesce(min(w.seq), asked_seq), coalesce(sum(w.tokens), 0), coalesce(min(w.fits_from), asked_seq),
    coalesce(json_agg(
      json_build_array(w.seq, w.tokens, w.exact, w.message, w.context_text, w.reply, w.reply_seq) order by w.seq), '[]')
  into c.window_from, c.window_tokens, c.fits_from, c.turns
  from turn_window(t.session_id, asked_seq, t.max_turns, t.window_tokens, t.overhead_tokens, t.counted_by,
    coalesce(t.recall_tokens, 0), coalesce(t.recalls_elsewhere, false)) w;
  c.recalled := turn_recall(t, asked_seq, c.window_from);
  return c;
end $$;
comment on function turn_context(turn_start, integer) is 'the window of the message that has or gets a seq, and what is recalled beside it';

create or replace function begin_turn(request jsonb) returns json
language plpgsql
-- No plan depends on the values of a call, and planning for them would take longer than the statement.
-- To compile a plan (jit) would take longer still.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
  t turn_start := jsonb_populate_record(null::turn_start, request);
  at timestamptz;
  today date;
  running_until timestamptz;
  r turn_ruling;
  c turn_context;
  debit integer;
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

  -- Read before the charge locks the site's row.
  c := turn_context(t, coalesce(r.message_seq, r.next_seq));
  if r.verdict = 'repeated_begin' then
    reply_id := r.reply_id;
    -- Another session may have got a turn meanwhile: nothing is sent that the first begin did not debit.
    if (select debited_tokens from messages where session_id = t.session_id and id = r.reply_id)
      < t.max_tokens + c.window_tokens + t.recall_tokens then
      c.recalled := '[]';
    end if;
    update messages set lease_expires_at = at + t.lease_ms * interval '1 millisecond'
    where session_id = t.session_id and id = r.reply_id;
  else
    debit := t.max_tokens + c.window_tokens + case when json_array_length(c.recalled) > 0 then t.recall_tokens else 0 end;
    capped := turn_charge(t, debit, today);
    if capped is not null then
      return json_build_object('verdict', 'capped', 'capped', capped,
        'retry_after_ms', turn_wait_ms(today + 1 - at at time zone 'UTC'));
    end if;
    reply_id := turn_store(t, r, c.window_from, debit, today, at);
  end if;
  return json_build_object('verdict', 'run', 'message', turn_message(t.session_id, t.message_id, at),
    'reply_id', reply_id, 'turns', c.turns, 'recalled', c.recalled);
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
    window_from = t.window_from, recalled = t.recalled, recalled_elsewhere = coalesce(t.recalled_elsewhere, 0),
    recalled_tokens = t.recalled_tokens,
    terms = case when starts_with(content, t.content) and terms is not null then terms
      else salted_terms(t.terms, t.session_id) end,
    message_terms = case when starts_with(content, t.content) and terms is not null then message_terms
      else t.message_terms end,
    lease_expires_at = clock_timestamp() + t.lease_ms * interval '1 millisecond'
  where session_id = t.session_id and id = t.reply_id and status = 'streaming' and lease = t.lease
  returning stop_requested into is_stopping;
  return case when is_stopping is null then 'lost' when is_stopping then 'stop' else 'go_on' end;
end $$;

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
      completion_tokens = t.completion_tokens, cached_tokens = t.cached_tokens,
      window_from = t.window_from, recalled = t.recalled, recalled_elsewhere = coalesce(t.recalled_elsewhere, 0),
      recalled_tokens = t.recalled_tokens,
      terms = case when t.content <> '' then salted_terms(t.terms, t.session_id) end,
      message_terms = case when t.content <> '' then t.message_terms end,
      token_count = coalesce(t.reported_reply_tokens, t.reply_tokens),
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

create function turn_before(in_session uuid, before integer) returns table (
  window_from integer, recalled_tokens integer, system_tokens integer, model text, asked_seq integer, message_tokens integer,
  message_content text, message_context text
)
language sql stable as $$
  select reply.window_from, reply.recalled_tokens, reply.system_tokens, reply.model, reply.reply_to, message.token_count,
    message.content, message.context_text
  from (
    select * from messages m
    where m.session_id = in_session and m.role = 'assistant' and m.status in ('complete', 'interrupted') and m.seq < before
    order by m.seq desc limit 1
  ) reply
  join messages message
    on message.session_id = in_session and message.seq = reply.reply_to and message.status <> 'superseded'
$$;
comment on function turn_before(uuid, integer) is 'what the model was sent for the newest reply before a seq: a provider''s cache may hold the beginning of it';

create function turns_left_out(in_session uuid, window_from integer, fits_from integer, before integer)
returns table (from_seq integer, to_seq integer, turns integer, reason text)
language sql stable as $$
  with older as (
    select min(m.seq) as from_seq, max(m.seq) as to_seq, count(*)::integer as turns,
      case when m.reply_to >= fits_from then 'window_starts_later' else 'older_than_window' end as reason
    from messages m
    where m.session_id = in_session and m.role = 'assistant' and m.status in ('complete', 'interrupted')
      and m.seq < turns_left_out.window_from
    group by 4
  ), skipped as (
    -- Each part along an index of its own.
    select * from (
      (select m.seq, m.status, m.content, m.lease_expires_at from messages m
      where m.session_id = in_session and m.status <> 'superseded' and m.role = 'assistant'
        and m.status not in ('complete', 'interrupted')
        and m.seq > coalesce((select max(older.to_seq) from older), 0) and m.seq < before
      order by m.seq desc limit 50)
      union all
      (select m.seq, m.status, m.content, m.lease_expires_at from messages m
      where m.session_id = in_session and m.status = 'superseded'
        and m.seq > coalesce((select max(older.to_seq) from older), 0) and m.seq < before
      order by m.seq desc limit 50)
    ) replies
    order by seq desc limit 50
  )
  select seq, seq, 1, case
      when status = 'superseded' and content <> '' then 'superseded'
      when status = 'streaming' and lease_expires_at > clock_timestamp() then 'running'
      else 'failed' end
  from skipped
  union all
  select * from older
  order by 2 desc
$$;
comment on function turns_left_out(uuid, integer, integer, integer) is 'turns before a seq that are not in the window, newest first: older ones as ranges, and the newest 50 replies that do not count';

create function next_context(request jsonb) returns json
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
  t turn_start := jsonb_populate_record(null::turn_start, request);
  asked_seq integer;
  c turn_context;
  before json;
  left_out json;
begin
  perform turn_lock_timeout(t.lock_timeout_ms);
  select next_seq into asked_seq from sessions where id = t.session_id and user_id = t.user_id;
  if not found then return null; end if;
  -- The next begin settles a reply whose lease has expired, and sends its text. A receipt shows that and leaves the reply
  -- as it is, since its Worker may still finish it: the block undoes what it wrote.
  begin
    if exists (
      select from messages
      where session_id = t.session_id and status = 'streaming' and lease_expires_at <= clock_timestamp()) then
      perform session_lock(t.session_id);
      perform turn_settle(t, clock_timestamp());
    end if;
    c := turn_context(t, asked_seq);
    select row_to_json(b) into before from turn_before(t.session_id, asked_seq) b;
    select coalesce(json_agg(o), '[]') into left_out
    from turns_left_out(t.session_id, c.window_from, c.fits_from, asked_seq) o;
    raise exception using errcode = 'NC002', message = 'undo';
  exception when sqlstate 'NC002' then null;
  end;
  return json_build_object('next_seq', asked_seq, 'turns', c.turns, 'recalled', c.recalled,
    'before', before, 'left_out', left_out);
end $$;
comment on function next_context(jsonb) is 'what begin_turn would send for the next message of a user''s session, and what it would leave out; null if the user has no such session; changes nothing; takes a turn_start';
