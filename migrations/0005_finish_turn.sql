-- The later round trips of a turn: checkpoint_turn while the model writes, and finish_turn. Every write names the lease.

create type turn_end as (
  session_id uuid,
  reply_id uuid,
  lease uuid,
  lease_ms integer,
  status text,
  content text,
  finish_reason text,
  error_code text,
  model text,
  prompt_tokens integer,
  completion_tokens integer,
  message_tokens integer,
  reply_tokens integer,
  reported_reply_tokens integer,
  message_bytes integer,
  window_from integer,
  recalled integer[],
  recalled_tokens integer,
  overhead_tokens integer,
  counted_by text,
  spent_prompt_tokens bigint,
  spent_completion_tokens bigint,
  payers text[],
  history_limit integer,
  history_bytes integer
);
comment on type turn_end is 'what checkpoint_turn and finish_turn are called with: the turn''s lease, its reply so far, and for finish_turn how it ended';

create function checkpoint_turn(request jsonb) returns text
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  t turn_end := jsonb_populate_record(null::turn_end, request);
  is_stopping boolean;
begin
  -- A late checkpoint takes back nothing of what a later one saved, and nothing of a reply that has ended.
  update messages
  set content = case when octet_length(content) > octet_length(t.content) then content else t.content end,
    token_count = greatest(token_count, t.reply_tokens),
    turn_tokens = greatest(turn_tokens, t.message_tokens + t.reply_tokens),
    turn_tokens_bound = greatest(turn_tokens_bound, t.message_tokens + t.reply_tokens),
    window_from = t.window_from, recalled = t.recalled, recalled_tokens = t.recalled_tokens,
    lease_expires_at = clock_timestamp() + t.lease_ms * interval '1 millisecond'
  where session_id = t.session_id and id = t.reply_id and status = 'streaming' and lease = t.lease
  returning stop_requested into is_stopping;
  return case when is_stopping is null then 'lost' when is_stopping then 'stop' else 'go_on' end;
end $$;
comment on function checkpoint_turn(jsonb) is 'stores the reply as far as it has come and renews its lease; returns go_on, stop (the visitor asked for it) or lost (the lease was taken over, or the session erased); takes a turn_end';

create function turn_reported_tokens(t turn_end, before integer) returns integer
language plpgsql as $$
declare
  previous record;
  dropped record;
  reported integer;
begin
  -- The prompt grew, since the turn before, by that turn's reply and by this message, less what left the window. So the
  -- system prompt, whose exact count nobody reports, falls out of the difference. It holds only where both prompts are
  -- a system prompt, a window and a message, and all else in the difference is the same provider's figure.
  select m.seq, m.window_from, m.prompt_tokens, m.token_count, m.counted_by, m.recalled_tokens into previous
  from messages m
  where m.session_id = t.session_id and m.role = 'assistant' and m.status in ('complete', 'interrupted')
    and m.seq < before
  order by m.seq desc limit 1;
  if (previous.counted_by = t.counted_by and previous.recalled_tokens = 0 and t.recalled_tokens = 0
    and previous.window_from <= t.window_from) is not true then
    return null;
  end if;
  select coalesce(sum(m.turn_tokens + t.overhead_tokens), 0) as tokens,
    coalesce(bool_and(m.turn_tokens_exact and m.counted_by = t.counted_by), true) as is_exact
  into dropped
  from messages m
  where m.session_id = t.session_id and m.role = 'assistant' and m.status in ('complete', 'interrupted')
    and m.seq > previous.window_from and m.seq < t.window_from;
  if not dropped.is_exact then return null; end if;
  reported := t.prompt_tokens - previous.prompt_tokens - previous.token_count - t.overhead_tokens + dropped.tokens;
  -- No tokenizer makes more tokens of a text than it has bytes.
  return case when reported between 1 and t.message_bytes then reported end;
end $$;
comment on function turn_reported_tokens(turn_end, integer) is 'the tokens of a turn''s message as the difference of two prompts reports them; null where the two cannot be compared';

create function turn_refund(t turn_end, debited integer, debited_on date) returns void
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
      completion_tokens = s.completion_tokens + t.spent_completion_tokens
    where s.day = debited_on and s.payer = payer_name;
  end loop;
end $$;
comment on function turn_refund(turn_end, integer, date) is 'sets what the turn cost against its debit, for each of its payers';

create function turn_history(in_session uuid, max_messages integer, max_bytes integer, at timestamptz) returns json
language plpgsql as $$
begin
  return (
    select json_build_object(
      'messages', coalesce(json_agg(message_json(m, at) order by m.seq), '[]'),
      'has_more', coalesce(count(*) < max(page.fetched), false))
    from (
      -- One more than is asked for tells whether there is more.
      select newest.id, row_number() over walk as place, count(*) over () as fetched,
        sum(octet_length(content) + octet_length(metadata::text) + coalesce(octet_length(context_text), 0)) over walk
          as bytes
      from (
        select id, seq, content, context_text, metadata from messages
        where session_id = in_session and status <> 'superseded'
        order by seq desc limit max_messages + 1
      ) newest
      window walk as (order by seq desc)
    ) page
    join messages m on m.session_id = in_session and m.id = page.id
    where page.place <= max_messages and (page.place = 1 or page.bytes <= max_bytes)
  );
end $$;
comment on function turn_history(uuid, integer, integer, timestamptz) is 'the newest messages of a session, oldest first, cut at a number and at bytes';

create function finish_turn(request jsonb) returns json
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  t turn_end := jsonb_populate_record(null::turn_end, request);
  at timestamptz;
  mine record;
  is_mine boolean;
  reported_tokens integer;
  finished json;
begin
  perform turn_requires_read_committed();
  perform session_lock(t.session_id);
  at := clock_timestamp();
  select reply_to, debited_tokens, debited_on into mine from messages
  where session_id = t.session_id and id = t.reply_id and status = 'streaming' and lease = t.lease;
  is_mine := found;

  if is_mine then
    reported_tokens := turn_reported_tokens(t, mine.reply_to);
    if reported_tokens is not null then
      update messages set token_count = reported_tokens
      where session_id = t.session_id and seq = mine.reply_to and status <> 'superseded';
    end if;
    update messages set status = t.status, content = t.content, finish_reason = t.finish_reason,
      error_code = t.error_code, model = t.model, prompt_tokens = t.prompt_tokens,
      completion_tokens = t.completion_tokens, window_from = t.window_from, recalled = t.recalled,
      recalled_tokens = t.recalled_tokens, token_count = coalesce(t.reported_reply_tokens, t.reply_tokens),
      turn_tokens = coalesce(reported_tokens, t.message_tokens) + coalesce(t.reported_reply_tokens, t.reply_tokens),
      turn_tokens_bound = t.message_tokens + t.reply_tokens,
      turn_tokens_exact = reported_tokens is not null and t.reported_reply_tokens is not null,
      counted_by = case when t.reported_reply_tokens is not null then t.counted_by end
    where session_id = t.session_id and id = t.reply_id and lease = t.lease;
  end if;

  -- A finish that is repeated finds its lease on the reply that it stored before.
  select json_build_object('outcome', case when m.lease = t.lease then 'stored' else 'taken_over' end,
    'reply', case when m.lease = t.lease then message_json(m, at) end,
    'history', case when m.lease = t.lease and t.history_limit > 0 then
      turn_history(t.session_id, t.history_limit, t.history_bytes, at) end)
  into finished
  from messages m where m.session_id = t.session_id and m.id = t.reply_id;

  -- Once, by the call that stored the reply. The last step: it locks the site's row, which is everybody's.
  if is_mine then
    perform turn_refund(t, mine.debited_tokens, mine.debited_on);
  end if;
  return coalesce(finished, json_build_object('outcome', 'session_deleted'));
end $$;
comment on function finish_turn(jsonb) is 'stores how a turn ended, where the reply still bears its lease, and refunds of its debit what was not spent; repeated, it finds what it did; takes a turn_end';
