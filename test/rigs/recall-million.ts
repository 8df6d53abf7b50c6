import { Client } from 'pg'
import { queryTerms, turnTerms } from '../../src/turn/recall/terms.ts'
import { type FactAtLength, factsAtLength, type Script } from '../recall/facts-at-length.ts'
import { languages, readTestSet } from '../recall/read-test-set.ts'
import type { TestDatabase } from './start-database.ts'

export interface SeededSession {
  userId: string
  sessionId: string
  turns: number
  /** The place of its script in `factsAtLength`. */
  language: number
  /** The facts that it holds, and the turns that state them. */
  facts: { fact: FactAtLength; turn: number; turnsAgo: number }[]
}

/** Sessions of the table that nobody asks: how many, and the turns of each. */
const others = [
  [20_000, 12],
  [1_700, 50],
  [77, 500],
] as const

const scripts = Object.keys(factsAtLength) as Script[]

/**
 * Fills the tables with a million messages: a long session for each script, with facts that are said 5, 200 and 20,000
 * turns before the next question, and shorter ones. A turn's texts are turns of the test set that state no fact. Its terms
 * are those of the texts, and some of a vocabulary of 30,000 whose frequencies fall off by Zipf's law. Each word of a
 * question is in 0.2 to 1 % of the turns of its session.
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
  const client = new Client(database)
  await client.connect()
  try {
    const indexes = await client.query<{ indexdef: string }>(
      `select indexdef from pg_indexes where indexname = 'messages_terms'`,
    )
    await client.query(setUp)
    for (const [table, rows] of Object.entries({
      pool: fillerPool(),
      word: words,
      planted: [...asked.values()].flatMap(plantedIn),
      filled: [...asked.values()].map(({ sessionId, userId, turns, language }) => ({
        session_id: sessionId,
        user_id: userId,
        turns,
        language,
      })),
    }))
      await client.query(
        `insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1::jsonb)`,
        [JSON.stringify(rows)],
      )
    for (const [sessions, turns] of others)
      await client.query(
        `insert into filled
select gen_random_uuid(), 'visitor:' || gen_random_uuid(), $2, number % 6 from generate_series(1, $1::integer) number`,
        [sessions, turns],
      )
    await client.query(fill)
    // As the migration made it. Filled row by row it would take many times as long.
    await client.query(`set maintenance_work_mem = '512MB'; ${indexes.rows[0]?.indexdef}`)
    return asked
  } finally {
    await client.end()
  }
}

function askedSessions(): Map<string, SeededSession> {
  const session = (
    turns: number,
    language: number,
    turnsAgo: readonly number[],
  ): SeededSession => ({
    userId: `visitor:${crypto.randomUUID()}`,
    sessionId: crypto.randomUUID(),
    turns,
    language,
    facts: factsAtLength[scripts[language]!].slice(-turnsAgo.length).map((fact, place) => ({
      fact,
      turn: turns + 1 - turnsAgo[place]!,
      turnsAgo: turnsAgo[place]!,
    })),
  })
  return new Map([
    ...scripts.map((script, language): [string, SeededSession] => [
      script,
      session(script === 'English' ? 25_000 : 20_480, language, [5, 200, 20_000]),
    ]),
    ['24 messages', session(12, 0, [11])],
    ['100 messages', session(50, 0, [48])],
    ['1,000 messages', session(500, 0, [490])],
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
drop index messages_terms;
alter table messages set (autovacuum_enabled = off);
alter table sessions set (autovacuum_enabled = off);
create unlogged table pool (
  language integer, place integer, message text, reply text, terms integer[], message_terms integer,
  primary key (language, place));
create unlogged table word (language integer, term integer, permille integer);
create unlogged table planted (
  session_id uuid, turn integer, message text, reply text, terms integer[], message_terms integer,
  primary key (session_id, turn));
create unlogged table filled (session_id uuid, user_id text, turns integer, language integer)`

const fill = `
analyze pool, word, planted, filled;
insert into sessions (id, user_id, title, next_seq, last_message_at)
select session_id, user_id, 'Title', 2 * turns + 1, now() from filled;
set session_replication_role = replica;
insert into messages (session_id, id, seq, role, status, content, token_count, created_at, reply_to, finish_reason,
  turn_tokens, turn_tokens_bound, turn_tokens_exact, stop_requested, terms, message_terms)
select f.session_id, gen_random_uuid(), 2 * n - 1 + is_reply, case is_reply when 0 then 'user' else 'assistant' end, 'complete',
  case is_reply when 0 then coalesce(planted.message, pool.message) else coalesce(planted.reply, pool.reply) end, 60,
  now() - (f.turns - n) * interval '1 hour',
  case is_reply when 1 then 2 * n - 1 end, case is_reply when 1 then 'stop' end,
  case is_reply when 1 then tokens end, case is_reply when 1 then tokens end,
  case is_reply when 1 then false end, case is_reply when 1 then false end,
  case is_reply when 1 then array(
    select term # term_salt(f.session_id) from unnest(coalesce(planted.terms, pool.terms || array(
      select term from word
      where word.language = f.language and abs(hashint8(1000003::bigint * n + word.term)) % 1000 < word.permille))) term) end,
  case is_reply when 1 then coalesce(planted.message_terms, pool.message_terms) end
from filled f
cross join lateral generate_series(1, f.turns) n
left join planted on planted.session_id = f.session_id and planted.turn = n
join pool on pool.language = f.language and pool.place = abs(hashint4(n + f.turns)) % ${poolSize}
cross join lateral (select 150 + abs(hashint4(n)) % 200 as tokens) counted
cross join (values (0), (1)) as halves (is_reply);
set session_replication_role = default`
