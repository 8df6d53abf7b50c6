-- Continue: a reply that was cut off, stopped or ended at its limit is written on, in the same row.

alter table messages
  add column continued_from integer,
  add column continued_after text,
  add column continued_tokens integer;
comment on column messages.continued_from is 'of a reply: how many characters it had when it was last continued; null: it never was';
comment on column messages.continued_after is 'why it had ended before it was last continued: length (its finish_reason), or its error_code';
comment on column messages.continued_tokens is 'a bound of its text as the model was sent it to continue, and of the request to do so; without overhead';
comment on column messages.prompt_tokens is 'usage as the provider counted it, of a continued reply the sum of what was told; null until told';
comment on column messages.completion_tokens is 'the same';

alter type turn_start add attribute continues uuid;
alter type turn_start add attribute continue_from integer;
alter type turn_start add attribute continue_tokens integer;
alter type turn_start add attribute continue_bytes integer;
comment on type turn_start is 'what begin_turn is called with; max_tokens is what prompt and reply take at most beside the window and what is recalled; without recall_tokens nothing is recalled; continues is the reply to continue if it is not longer than continue_from (UTF-16 units) and continue_bytes, and the request to do so takes continue_tokens';

alter type turn_end add attribute continued_tokens integer;

comment on type turn_ruling is 'what turn_rule decides: new, rerun (of a failed reply), regenerate, continue and repeated_begin run; replay, running, busy, mismatch, not_last and not_found do not';

create function utf16_length(content text) returns integer
language sql immutable parallel safe as $$
  select 2 * length(content) - length(regexp_replace(content, '[\U00010000-\U0010FFFF]', '', 'g'))
$$;
comment on function utf16_length(text) is 'the length of a text as JavaScript has it: characters beyond the first plane count twice';

create function turn_can_continue(t turn_start) returns boolean
language plpgsql stable as $$
begin
  -- A text that is longer than the client knows was continued before: the request is a repeat.
  return exists (
    select from messages
    where session_id = t.session_id and id = t.continues
      and (status = 'interrupted' or status = 'complete' and finish_reason = 'length')
      and octet_length(content) <= t.continue_bytes
      and (t.continue_from is null or utf16_length(content) <= t.continue_from));
end $$;
comment on function turn_can_continue(turn_start) is 'whether the reply that is to be continued was cut off, and is neither too long nor longer than the client knows';

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
    r.verdict := case when t.create_session and t.regenerate is null and t.continues is null then 'new' else 'not_found' end;
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
      when t.regenerate is not null or t.continues is not null then 'mismatch'
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
    when coalesce(t.regenerate, t.continues) is not null and not exists (
      select from messages
      where session_id = t.session_id and id = coalesce(t.regenerate, t.continues) and reply_to = r.message_seq) then 'mismatch'
    when reply.status <> 'failed' and reply.id is distinct from coalesce(t.regenerate, t.continues) then 'replay'
    when reply.status <> 'failed' and t.continues is not null and not turn_can_continue(t) then 'replay'
    when exists (
      select from messages
      where session_id = t.session_id and status <> 'superseded' and seq > reply.seq) then 'not_last'
    when reply.status = 'failed' then 'rerun'
    when t.continues is not null then 'continue'
    else 'regenerate' end;
  return r;
end $$;

create function turn_continued_tokens(t turn_start, reply uuid) returns integer
language plpgsql stable as $$
begin
  return (
    select least(greatest(token_count, turn_tokens_bound - t.message_tokens), t.window_tokens - t.continue_tokens)
    from messages where session_id = t.session_id and id = reply);
end $$;
comment on function turn_continued_tokens(turn_start, uuid) is 'what the text of a reply may take in the prompt that continues it: all it takes, or the room that message and request leave';

create function turn_continue(t turn_start, r turn_ruling, window_from integer, continued_tokens integer, debit integer, today date, at timestamptz)
returns uuid
language plpgsql as $$
begin
  update sessions set last_message_at = at where id = t.session_id;
  -- Text, terms, usage and feedback stay. The counts are the bound: no later difference of prompts can be made with this one.
  update messages set status = 'streaming', finish_reason = null, error_code = null,
    continued_from = length(content), continued_after = case status when 'complete' then 'length' else coalesce(error_code, 'interrupted') end,
    continued_tokens = turn_continue.continued_tokens + t.continue_tokens - t.overhead_tokens,
    window_from = turn_continue.window_from, recalled = null, recalled_elsewhere = 0, recalled_tokens = 0,
    system_tokens = t.system_tokens,
    turn_tokens = turn_tokens_bound, turn_tokens_exact = false, counted_by = null,
    lease = t.lease, lease_expires_at = at + t.lease_ms * interval '1 millisecond', stop_requested = false,
    debited_tokens = debit, debited_on = today
  where session_id = t.session_id and id = r.reply_id;
  return r.reply_id;
end $$;
comment on function turn_continue(turn_start, turn_ruling, integer, integer, integer, date, timestamptz) is 'gives the lease of a turn to a reply that it continues; returns the reply''s id';

create function turn_continued_reply(in_session uuid, reply uuid, at timestamptz) returns json
language plpgsql stable as $$
begin
  return (
    select (message_json(m, at)::jsonb || jsonb_build_object(
      'current_status', case continued_after when 'length' then 'complete' else 'interrupted' end,
      'finish_reason', case continued_after when 'length' then 'length' end,
      'error_code', nullif(continued_after, 'length')))::json
    from messages m where m.session_id = in_session and m.id = reply);
end $$;
comment on function turn_continued_reply(uuid, uuid, timestamptz) is 'a reply that is being continued and has no new text yet, as it was before';

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
  is_continued boolean;
  continued_tokens integer := 0;
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
  elsif r.verdict = 'running' then
    return json_build_object('verdict', r.verdict, 'retry_after_ms', turn_wait_ms(running_until - at));
  elsif r.verdict = 'busy' then
    return json_build_object('verdict', r.verdict, 'retry_after_ms', turn_wait_ms(running_until - at),
      'reply_id', (select id from messages where session_id = t.session_id and status = 'streaming'));
  elsif r.verdict = 'replay' then
    return json_build_object('verdict', r.verdict, 'message', turn_message(t.session_id, t.message_id, at),
      'reply', turn_message(t.session_id, r.reply_id, at));
  end if;

  is_continued := r.verdict = 'continue' or r.verdict = 'repeated_begin' and t.continues is not null and exists (
    select from messages where session_id = t.session_id and id = r.reply_id and continued_from is not null);
  if is_continued then
    -- The text so far and the request come before the history: they take their part of its room.
    continued_tokens := turn_continued_tokens(t, r.reply_id);
    t.window_tokens := t.window_tokens - t.continue_tokens - continued_tokens;
    t.max_tokens := t.max_tokens + t.continue_tokens + continued_tokens;
    t.recall_tokens := least(t.recall_tokens, t.window_tokens / 2);
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
    if is_continued then
      reply_id := turn_continue(t, r, c.window_from, continued_tokens, debit, today, at);
    else
      reply_id := turn_store(t, r, c.window_from, debit, today, at);
    end if;
  end if;
  return json_build_object('verdict', 'run', 'message', turn_message(t.session_id, t.message_id, at),
    'reply_id', reply_id, 'turns', c.turns, 'recalled', c.recalled,
    'continued', case when is_continued then turn_continued_reply(t.session_id, reply_id, at) end,
    'continued_tokens', continued_tokens);
end $$;

create function turn_usage(is_continued boolean, told integer, tells integer) returns integer
language sql immutable as $$
  -- A provider may tell nonsense, again and again.
  select case when is_continued and told is not null then least(told::bigint + coalesce(tells, 0), 2147483647)::integer
    else tells end
$$;
comment on function turn_usage(boolean, integer, integer) is 'the usage of a reply: of a continued one the sum of what the provider told of its calls';

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
  select seq, reply_to, debited_tokens, debited_on, continued_from is not null as is_continued into mine from messages
  where session_id = t.session_id and id = t.reply_id and status = 'streaming' and lease = t.lease;
  is_mine := found;

  if is_mine then
    older_reply := turn_older_reply(t.session_id, mine.reply_to, mine.seq);
    if t.content <> '' then
      perform turn_supersede(t.session_id, older_reply);
    end if;
    -- The prompt of a continued reply has its text too, so no difference of prompts tells the tokens of its message. Its
    -- last call tells nothing of the whole text either.
    if mine.is_continued then
      t.reported_reply_tokens := null;
    else
      reported_tokens := turn_reported_tokens(t, mine.reply_to);
    end if;
    if reported_tokens is not null then
      update messages set token_count = reported_tokens
      where session_id = t.session_id and seq = mine.reply_to and status <> 'superseded';
    end if;
    -- Without text it replaces nothing: the older reply stands, and this one is out of the history.
    update messages set status = case when t.content = '' and older_reply is not null then 'superseded' else t.status end,
      content = t.content, finish_reason = t.finish_reason,
      error_code = t.error_code, model = t.model,
      prompt_tokens = turn_usage(mine.is_continued, prompt_tokens, t.prompt_tokens),
      completion_tokens = turn_usage(mine.is_continued, completion_tokens, t.completion_tokens),
      cached_tokens = turn_usage(mine.is_continued, cached_tokens, t.cached_tokens),
      continued_tokens = case when mine.is_continued then coalesce(t.continued_tokens, continued_tokens) end,
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

create or replace function abandon_turn(request jsonb) returns text
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
  select id, seq, reply_to, debited_tokens, debited_on, continued_from, continued_after into begun from messages
  where session_id = t.session_id and status = 'streaming' and lease = t.lease;
  if not found then
    perform turn_refund_lost(t);
    return 'not_begun';
  end if;
  -- The lease stays on the row: it is the row's own record of the turn that ended here.
  update messages
  set status = case
      when begun.continued_after = 'length' then 'complete'
      when begun.continued_from is not null then 'interrupted'
      when turn_older_reply(session_id, begun.reply_to, begun.seq) is null then 'failed'
      else 'superseded' end,
    finish_reason = case when begun.continued_after = 'length' then 'length' end,
    error_code = case when begun.continued_from is null then t.error_code else nullif(begun.continued_after, 'length') end
  where session_id = t.session_id and id = begun.id;
  perform turn_refund(t, begun.debited_tokens, begun.debited_on);
  return 'abandoned';
end $$;
