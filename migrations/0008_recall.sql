-- Memory: a window whose beginning stays put, and older turns that share the new message's words (recall).
--
-- No row is rewritten and no table is read: the new columns of messages have no check, which Postgres would verify row by
-- row while turns wait. The functions below are the only writers.

alter table messages
  add column terms integer[],
  add column message_terms smallint,
  add column recalled_elsewhere smallint not null default 0,
  add column cached_tokens integer;
-- In line as long as possible: each of a statement's rows would otherwise be fetched from elsewhere.
alter table messages alter column terms set storage main;
comment on column messages.terms is 'of a reply that counts: hashes of the words of its turn, first those of its message; salted by the session; null in rows written before this column';
comment on column messages.message_terms is 'how many of terms are of the message: those of the reply alone count half';
comment on column messages.recalled is 'of a reply: seqs of the replies of its session whose turns the model was sent beside its window; null: none';
comment on column messages.recalled_elsewhere is 'of a reply: how many turns of the user''s other sessions it was sent; no id of them, as an erased session leaves none';
comment on column messages.cached_tokens is 'of a reply: how many of prompt_tokens the provider took from its cache; null where it did not tell';

alter table spending add column cached_tokens bigint not null default 0;
comment on column spending.cached_tokens is 'of ended turns: how many of prompt_tokens the provider took from its cache';

alter type turn_start add attribute recall_tokens integer;
alter type turn_start add attribute recall_terms integer[];
alter type turn_start add attribute recall_borrows boolean;
alter type turn_start add attribute recalls_elsewhere boolean;
comment on type turn_start is 'what begin_turn is called with; max_tokens is what prompt and reply take at most beside the window and what is recalled; without recall_tokens nothing is recalled';

alter type turn_end add attribute terms integer[];
alter type turn_end add attribute message_terms integer;
alter type turn_end add attribute recalled_elsewhere integer;
alter type turn_end add attribute cached_tokens integer;
alter type turn_end add attribute spent_cached_tokens bigint;

create function term_salt(in_session uuid) returns integer
language sql immutable parallel safe as $$
  select ('x' || right(in_session::text, 8))::bit(32)::integer
$$;
comment on function term_salt(uuid) is 'what the terms of a session are combined with: the random end of its id, so that one index holds the terms of each session apart';

create function salted_terms(terms integer[], in_session uuid) returns integer[]
language sql immutable parallel safe as $$
  select array(
    select term # term_salt(in_session) from unnest(terms) with ordinality as t (term, place) order by place)
  where terms is not null
$$;
comment on function salted_terms(integer[], uuid) is 'terms as messages.terms holds them';

-- The beginning of a window that moves by one turn with every turn ends a provider's prompt cache each time. So it is the
-- roundest turn of those that it may be, which stays the same for many turns, and nothing has to be remembered for it.
create function turn_window(
  in_session uuid, before integer, max_turns integer, max_tokens integer, overhead_tokens integer, for_counted_by text,
  recall_tokens integer, recalls_elsewhere boolean
) returns table (
  seq integer, tokens integer, exact boolean, message text, context_text text, reply text, reply_seq integer,
  fits_from integer
)
language sql stable as $$
  select cut.reply_to, cut.tokens, cut.exact, turn.message, turn.context_text, turn.reply, cut.seq, cut.fits_from
  from (
    select *, case
        when is_all then fits_from
        else first_value(fitting.reply_to) over (order by 2 * total >= most desc, roundness desc, fitting.reply_to) end as starts_at
    from (
      select *, min(counted.reply_to) over () as fits_from, max(total) over () as most,
        case counted.reply_to / 2 when 0 then 2147483647 else (counted.reply_to / 2) & -(counted.reply_to / 2) end as roundness
      from (
        select *, bool_and(total <= room) over () as is_all
        from (
          -- Recalled turns get their part of the room, unless the window can hold the whole session.
          select *, case
              when not recalls_elsewhere and fetched <= max_turns and all_tokens <= max_tokens then max_tokens
              else max_tokens - recall_tokens end as room
          from (
            -- The index alone holds what the cut needs, so no row is read that the window does not hold. One turn more
            -- than the window may hold tells whether there is an older one.
            select *, sum(newest.tokens) over walk as total, row_number() over walk as place, count(*) over () as fetched,
              sum(newest.tokens) over () as all_tokens
            from (
              select m.seq, m.reply_to,
                overhead_tokens + case when m.counted_by = for_counted_by then m.turn_tokens else m.turn_tokens_bound end as tokens,
                coalesce(m.counted_by = for_counted_by, false) and m.turn_tokens_exact as exact
              from messages m
              where m.session_id = in_session and m.role = 'assistant' and m.status in ('complete', 'interrupted')
                and m.seq < before
              order by m.seq desc limit max_turns + 1
            ) newest
            window walk as (order by newest.seq desc)
          ) summed
        ) roomed
        where place <= max_turns
      ) counted
      where total <= room
    ) fitting
  ) cut
  -- One probe for each turn, as a join would let Postgres read the whole session. Only superseded replies lie between a
  -- message and the reply that counts.
  cross join lateral (
    select max(m.content) filter (where m.role = 'user') as message,
      max(m.context_text) as context_text, max(m.content) filter (where m.role = 'assistant') as reply
    from messages m
    where m.session_id = in_session and m.status <> 'superseded' and m.seq between cut.reply_to and cut.seq
  ) turn
  where cut.reply_to >= cut.starts_at
$$;
comment on function turn_window(uuid, integer, integer, integer, integer, text, integer, boolean) is 'whole turns up to a seq, with tokens that include their overhead, in no order: the newest max_turns if they fit; otherwise those from the roundest turn on with which the window holds at least half of what fits; fits_from is the seq of the oldest that fits';

create or replace function turn_window(
  in_session uuid, before integer, max_turns integer, max_tokens integer, overhead_tokens integer, for_counted_by text
) returns table (
  seq integer, tokens integer, exact boolean, message text, context_text text, reply text, reply_seq integer
)
language sql stable as $$
  select w.seq, w.tokens, w.exact, w.message, w.context_text, w.reply, w.reply_seq
  from turn_window(in_session, before, max_turns, max_tokens, overhead_tokens, for_counted_by, 0, false) w
$$;
comment on function turn_window(uuid, integer, integer, integer, integer, text) is 'the window without recall, as Workers of schema 7 ask for it in their receipts';

-- Scores by the rarity of the words that a turn shares with the new message: idf as in BM25 (Robertson and Zaragoza, "The
-- Probabilistic Relevance Framework", 2009, with the 1 + of Lucene), to the power 1.5. A word that no older turn has weighs
-- as much as one that a single turn has. A word that only the reply holds counts half. A turn lends 0.4 of its score to the
-- turns next to it, and 0.15 to those after them (a regenerated reply between them parts them). Scores are integers, so
-- that they do not depend on the order of a sum.
create function turn_recall(t turn_start, asked_seq integer, before integer) returns json
language plpgsql stable as $$
declare
  own_terms integer := coalesce(cardinality(t.recall_terms), 0);
  asked integer[] := coalesce(t.recall_terms, '{}');
  salt integer := term_salt(t.session_id);
  per_term integer;
begin
  if coalesce(t.recall_tokens, 0) = 0 then return '[]'; end if;
  if t.recalls_elsewhere is not true and not exists (
    select from messages m
    where m.session_id = t.session_id and m.role = 'assistant' and m.status in ('complete', 'interrupted') and m.seq < before
  ) then
    return '[]';
  end if;
  -- A message of one or two words continues what was said last.
  if t.recall_borrows and own_terms < 3 then
    asked := asked || array(
      select last_terms.term # salt
      from (
        select m.terms[1:m.message_terms] as terms from messages m
        where m.session_id = t.session_id and m.role = 'assistant' and m.status in ('complete', 'interrupted')
          and m.seq < asked_seq
        order by m.seq desc limit 1
      ) newest, unnest(newest.terms) with ordinality as last_terms (term, place)
      where last_terms.term # salt <> all (asked)
      order by place limit 8 - own_terms);
  end if;
  if cardinality(asked) = 0 then return '[]'; end if;
  -- Of the later turns, at most 1,000 in all, and 300 for pairs of common words.
  per_term := 1000 / greatest(4, cardinality(asked));

  return (
    with term as (
      select a.term, a.term # salt as salted, case when a.place <= own_terms then 1 else 0.5::float8 end as factor
      from unnest(asked) with ordinality as a (term, place)
    ), elsewhere as materialized (
      select others.id as session_id, turn.seq, turn.terms, turn.message_terms
      from (
        select s.id from sessions s
        where s.user_id = t.user_id and s.id <> t.session_id and t.recalls_elsewhere
        order by s.active_hour desc nulls last, s.id limit 100
      ) others
      cross join lateral (
        select m.seq, m.terms, m.message_terms from messages m
        where m.session_id = others.id and m.role = 'assistant' and m.status in ('complete', 'interrupted')
        order by m.seq desc limit 64
      ) turn
      limit 1024
    ), late as materialized (
      -- "is true" leaves the index of terms as the only path, whatever the statistics are: along another one, Postgres would
      -- read the whole session, or all of the index.
      select term.term, found.* from term
      cross join lateral (
        select m.seq, m.terms, m.message_terms from messages m
        where m.terms @> array[term.salted] and (m.session_id = t.session_id) is true
          and (m.role = 'assistant') is true and (m.status in ('complete', 'interrupted')) is true
          and (m.seq > 512) is true and (m.seq < before) is true
        limit per_term
      ) found
      where before > 513
    ), common as materialized (
      select term.* from term
      where term.term in (select late.term from late group by late.term having count(*) = per_term)
      limit 6
    ), together as materialized (
      -- Of a common word, the index gave any turns: those that have two of them are worth more.
      select found.* from common a join common b on a.term < b.term
      cross join lateral (
        select m.seq, m.terms, m.message_terms from messages m
        where m.terms @> array[a.salted, b.salted] and (m.session_id = t.session_id) is true
          and (m.role = 'assistant') is true and (m.status in ('complete', 'interrupted')) is true
          and (m.seq > 512) is true and (m.seq < before) is true
        limit 20
      ) found
    ), hit as materialized (
      -- The first 256 turns are read, and later ones that the index gives for any of the words. Each is scored by all words.
      select t.session_id as session_id, m.seq, term.term,
        case when array_position(m.terms, term.salted) <= m.message_terms then 2 else 1 end as halves
      from (
        select m.seq, m.terms, m.message_terms from messages m
        where m.session_id = t.session_id and m.role = 'assistant' and m.status in ('complete', 'interrupted')
          and m.seq < least(before, 513)
        union all
        select distinct on (later.seq) later.* from (
          select late.seq, late.terms, late.message_terms from late
          union all
          select * from together
        ) later
      ) m
      join term on term.salted = any (m.terms)
      union all
      select e.session_id, e.seq, term.term,
        case when array_position(e.terms, term.term # term_salt(e.session_id)) <= e.message_terms then 2 else 1 end
      from elsewhere e join term on term.term # term_salt(e.session_id) = any (e.terms)
    ), counts as (
      select (before / 2 + (select count(*) from elsewhere))::float8 as turns
    ), weight as (
      select counted.term, round(10000 * factor
        * power(ln(1 + (greatest(turns, seen) - seen + 0.5) / (seen + 0.5)), 1.5))::bigint as weight
      from (
        -- Of a common word, the index gave only some turns: the first 256 tell how common it is.
        select term.term, term.factor, greatest(1, count(hit.term), case when common.term is not null then
            before / 512.0 * count(hit.term) filter (where hit.session_id = t.session_id and hit.seq < 513) end)::float8 as seen
        from term
        left join hit on hit.term = term.term
        left join common on common.term = term.term
        group by term.term, term.factor, common.term
      ) counted
      cross join counts
    ), own as (
      select hit.session_id, hit.seq, sum(weight.weight * hit.halves)::bigint as score
      from hit join weight on weight.term = hit.term
      group by hit.session_id, hit.seq
      order by score desc, hit.seq desc, hit.session_id limit 200
    ), near as (
      select own.session_id, own.seq + spread.away as seq, sum(own.score * spread.part)::bigint as score,
        coalesce(max(own.score) filter (where spread.away = 0), 0) as own_score
      from own cross join (values (0, 100), (-2, 40), (2, 40), (-4, 15), (4, 15)) as spread (away, part)
      -- Nothing is recalled unless a turn has 0.3 of what the message's words weigh, or as much as one word that it alone
      -- has. A session of more than 1,024 turns asks for no more: there, a word that a few turns have tells as much.
      where (select max(score) from own) >= least(0.3 * 2 * (select sum(weight) from weight), 0.999 * 2 * 10000
        * (select power(ln(1 + (least(greatest(turns, 1), 1024) - 0.5) / 1.5), 1.5) from counts))
      group by own.session_id, own.seq + spread.away
      order by 3 desc, 2 desc, 1 limit 50
    ), found as (
      -- Turns that cannot be good enough are dropped before their rows are looked up.
      select near.session_id, near.seq, near.score, near.own_score, turn.reply_to, turn.turn_tokens_bound, turn.created_at,
        max(near.score) over () as best
      from (select *, max(near.score) filter (where near.own_score > 0) over () as best_hit from near) near
      cross join lateral (
        select m.reply_to, m.turn_tokens_bound, m.created_at from messages m
        where m.session_id = near.session_id and m.role = 'assistant' and m.status in ('complete', 'interrupted')
          and m.seq = near.seq and (near.session_id <> t.session_id or m.seq < before)
        limit 1
      ) turn
      where near.score >= 0.3 * near.best_hit
    ), ranked as (
      -- The Worker cuts long texts, and counts. Twice as much as it may send is enough for that.
      select *, row_number() over walk as place, sum(least(turn_tokens_bound, 300)) over walk as total
      from found
      where score >= 0.3 * best
      window walk as (order by score desc, seq desc, session_id)
    )
    select coalesce(json_agg(json_build_array(
      nullif(r.session_id, t.session_id), r.reply_to, r.seq, r.created_at, r.score / 2000000.0,
      round(r.own_score / (2.0 * (select greatest(sum(weight), 1) from weight)), 3),
      message.content, message.context_text, reply.content) order by r.place), '[]')
    from ranked r
    cross join lateral (
      select left(m.content, 8000) as content, m.context_text from messages m
      where m.session_id = r.session_id and m.status <> 'superseded' and m.seq = r.reply_to limit 1
    ) message
    cross join lateral (
      select left(m.content, 8000) as content from messages m
      where m.session_id = r.session_id and m.status <> 'superseded' and m.seq = r.seq limit 1
    ) reply
    where r.place <= 12 and (r.place = 1 or r.total <= 2 * t.recall_tokens)
  );
end $$;
comment on function turn_recall(turn_start, integer, integer) is 'turns before a seq that share words with the new message, best first, with their texts; with recalls_elsewhere also those of the user''s other sessions; one index probe where there is nothing before';
