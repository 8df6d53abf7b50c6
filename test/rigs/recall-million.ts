import { Client } from 'pg'
import { queryTerms, turnTerms } from '../../src/turn/recall/terms.ts'
import {
  type FactAtLength,
  factOfCommonWords,
  factsAtLength,
  type Script,
} from '../recall/facts-at-length.ts'
import { languages, readTestSet } from '../recall/read-test-set.ts'
import type { TestDatabase } from './start-database.ts'

export interface SeededSession {
  userId: string
  sessionId: string
  turns: number
  /** The place of its script in `factsAtLength`. */
  language: number
  /** Whether its turns have as many terms as a turn of long texts. */
  isWide: boolean
  /** The facts that it holds, and the turns that state them. */
  facts: { fact: FactAtLength; turn: number; turnsAgo: number }[]
}

/** Sessions of the table that nobody asks: how many, and the turns of each. */
const others = [
  [20_000, 12],
  [1_700, 50],
  [26, 500],
] as const

/** So many terms take more bytes than PostgreSQL keeps of a column in its row, unless it is told to. */
const wideTerms = 460

const scripts = Object.keys(factsAtLength) as Script[]

/**
 * Fills the tables with a million messages: a long session for each script, with facts that are said 5, 200 and 20,000
 * turns before the next question, and shorter ones. A turn's texts are turns of the test set that state no fact. Its terms
 * are those of the texts, and some of a vocabulary of 30,000 whose frequencies fall off by Zipf's law. Each word of a
 * question is in 0.2 to 1 % of the turns of its session, and a common one in 1 %.
 *
 * The turns of all sessions lie in one random order, as in a table that many sessions fill at the same time. Those that
 * state a fact are the last, so that no limit on the rows of a word finds them by chance.
 * @returns the sessions to ask, by their script or by the number of their messages
 */
export async function seedMillion(database: TestDatabase): Promise<Map<string, SeededSession>> {
  const asked = askedSessions()
  const words = scripts.flatMap((script, language) =>
    factsAtLength[script].flatMap(({ question }) =>
      queryTerms(question, null).terms.map((term, rank) => ({
        language,
        term,
        permille: 2 + rank,
      })),
    ),
  )
  const stated = turnTerms(factOfCommonWords.message, null, '').terms
  for (const term of queryTerms(factOfCommonWords.question, null).terms)
    words.push({ language: 0, term, permille: stated.includes(term) ? 10 : 2 })
  const client = new Client(database)
  await client.connect()
  try {
    const indexes = await client.query<{ indexdef: string }>(
      `
select indexdef from pg_indexes
where tablename = 'messages' and indexname not in (select conname from pg_constraint)`,
    )
    await client.query(setUp)
    for (const [table, rows] of Object.entries({
      pool: fillerPool(),
      word: words,
      planted: [...asked.values()].flatMap(plantedIn),
      filled: [...asked.values()].map((session) => ({
        session_id: session.sessionId,
        user_id: session.userId,
        turns: session.turns,
        language: session.language,
        is_wide: session.isWide,
      })),
    }))
      await client.query(
        `insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1::jsonb)`,
        [JSON.stringify(rows)],
      )
    for (const [sessions, turns] of others)
      await client.query(
        `insert into filled
select gen_random_uuid(), 'visitor:' || gen_random_uuid(), $2, number % 6, false from generate_series(1, $1::integer) number`,
        [sessions, turns],
      )
    await client.query(fill)
    // As the migrations made them. Filled row by row they would take many times as long.
    await client.query(`set maintenance_work_mem = '512MB'`)
    for (const { indexdef } of indexes.rows) await client.query(indexdef)
    return asked
  } finally {
    await client.end()
  }
}

function askedSessions(): Map<string, SeededSession> {
  const session = (
    turns: number,
    language: number,
    facts: readonly (readonly [FactAtLength, turnsAgo: number])[],
    isWide = false,
  ): SeededSession => ({
    userId: `visitor:${crypto.randomUUID()}`,
    sessionId: crypto.randomUUID(),
    turns,
    language,
    isWide,
    facts: facts.map(([fact, turnsAgo]) => ({ fact, turn: turns + 1 - turnsAgo, turnsAgo })),
  })
  const [soon, later, latest] = factsAtLength.English
  return new Map([
    ...scripts.map((script, language): [string, SeededSession] => {
      const [early, middle, late] = factsAtLength[script]
      const facts = [[early, 5] as const, [middle, 200] as const, [late, 20_000] as const]
      return [
        script,
        script === 'English'
          ? session(25_000, language, [...facts, [factOfCommonWords, 10_000]])
          : session(20_480, language, facts),
      ]
    }),
    ['24 messages', session(12, 0, [[latest, 11]])],
    ['100 messages', session(50, 0, [[latest, 48]])],
    ['1,000 messages', session(500, 0, [[latest, 490]])],
    ['100 messages of many words', session(50, 0, [[latest, 48]], true)],
    [
      '1,000 messages of many words',
      session(
        500,
        0,
        [
          [latest, 490],
          [later, 100],
          [factOfCommonWords, 150],
        ],
        true,
      ),
    ],
    [
      '50,000 messages of many words',
      session(
        25_000,
        0,
        [
          [soon, 5],
          [later, 200],
          [latest, 20_000],
          [factOfCommonWords, 10_000],
        ],
        true,
      ),
    ],
  ])
}

function plantedIn({ sessionId, facts }: SeededSession) {
  return facts.map(({ fact: { message, reply }, turn }) => {
    const { terms, messageTerms } = turnTerms(message, null, reply)
    return { session_id: sessionId, turn, message, reply, terms, message_terms: messageTerms }
  })
}

const poolSize = 1_000

function fillerPool() {
  const random = seededRandom()
  const below = (end: number) => Math.floor(random() * end)
  const chats = languages.map((language) => {
    const { turns, questions } = readTestSet(language)
    const stated = new Set(questions.flatMap(({ evidence }) => evidence))
    return turns.filter((_, index) => !stated.has(index))
  })
  return scripts.flatMap((_, language) =>
    Array.from({ length: poolSize }, (__, place) => {
      // The last script is the mixed one: each of its turns is in another language.
      const chat = chats[language] ?? chats[place % chats.length] ?? []
      const message = chat[below(chat.length)]?.message ?? ''
      const reply = chat[below(chat.length)]?.reply ?? ''
      const { terms, messageTerms } = turnTerms(message, null, reply)
      const rare = Array.from({ length: 20 }, () =>
        Math.imul(Math.floor(30_000 ** random()) + 1, 0x9e3779b1),
      )
      return {
        language,
        place,
        message,
        reply,
        terms: [...terms, ...rare],
        message_terms: messageTerms,
      }
    }),
  )
}

/** Numbers from 0 to 1, the same in each run (mulberry32). */
function seededRandom(): () => number {
  let state = 1
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const setUp = `
do $$
declare
  name text;
begin
  for name in select indexname from pg_indexes
    where tablename = 'messages' and indexname not in (select conname from pg_constraint)
  loop
    execute 'drop index ' || name;
  end loop;
end $$;
alter table messages set (autovacuum_enabled = off);
alter table sessions set (autovacuum_enabled = off);
create unlogged table pool (
  language integer, place integer, message text, reply text, terms integer[], message_terms integer,
  primary key (language, place));
create unlogged table word (language integer, term integer, permille integer);
create unlogged table planted (
  session_id uuid, turn integer, message text, reply text, terms integer[], message_terms integer,
  primary key (session_id, turn));
create unlogged table filled (
  session_id uuid, user_id text, turns integer, language integer, is_wide boolean)`

// In a long wide session, only the turns that recall may read are wide: the first 256, and those with a word of a question.
const fill = `
analyze pool, word, planted, filled;
set work_mem = '512MB';
insert into sessions (id, user_id, title, next_seq, last_message_at)
select session_id, user_id, 'Title', 2 * turns + 1, now() from filled;
set session_replication_role = replica;
insert into messages (session_id, id, seq, role, status, content, token_count, created_at, reply_to, finish_reason,
  turn_tokens, turn_tokens_bound, turn_tokens_exact, stop_requested, terms, message_terms)
select t.session_id, gen_random_uuid(), 2 * n - 1 + is_reply, case is_reply when 0 then 'user' else 'assistant' end, 'complete',
  case is_reply when 0 then coalesce(t.message, pool.message) else coalesce(t.reply, pool.reply) end, 60,
  now() - (t.turns - n) * interval '1 hour',
  case is_reply when 1 then 2 * n - 1 end, case is_reply when 1 then 'stop' end,
  case is_reply when 1 then tokens end, case is_reply when 1 then tokens end,
  case is_reply when 1 then false end, case is_reply when 1 then false end,
  case is_reply when 1 then salted_terms(own.terms || case
    when t.is_wide and (t.turns <= 500 or n <= 256 or own.is_hit)
    then array(select hashint8(1000003::bigint * n + i) from generate_series(1, ${wideTerms} - cardinality(own.terms)) i)
    else '{}' end, t.session_id) end,
  case is_reply when 1 then coalesce(t.message_terms, pool.message_terms) end
from (
  select filled.*, n, planted.message, planted.reply, planted.terms, planted.message_terms
  from filled
  cross join lateral generate_series(1, filled.turns) n
  left join planted on planted.session_id = filled.session_id and planted.turn = n
  order by planted.turn is not null, uuid_hash_extended(filled.session_id, n)
) t
join pool on pool.language = t.language and pool.place = abs(hashint4(n + t.turns)) % ${poolSize}
cross join lateral (
  select coalesce(t.terms, pool.terms || words.terms) as terms, t.terms is not null or words.terms <> '{}' as is_hit
  from (
    select array(
      select term from word
      where word.language = t.language and abs(hashint8(1000003::bigint * n + word.term)) % 1000 < word.permille) as terms
    offset 0
  ) words
  offset 0
) own
cross join lateral (select 150 + abs(hashint4(n)) % 200 as tokens) counted
cross join (values (0), (1)) as halves (is_reply);
set session_replication_role = default`
