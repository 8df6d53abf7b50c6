import { Client } from 'pg'
import { queryTerms, turnTerms } from '../../src/turn/recall/terms.ts'
import { factsAtLength, type Script } from '../recall/facts-at-length.ts'
import { languages, readTestSet } from '../recall/read-test-set.ts'
import type { TestDatabase } from './start-database.ts'

export interface SeededSession {
  userId: string
  sessionId: string
  turns: number
}

/** How many turns before the question each of a script's three facts is said. */
export const turnsAgo = [5, 200, 20_000] as const

const poolSize = 1_000

/** Sessions of the table beside the long ones: [sessions, turns of each]. */
const others = [
  [20_000, 12],
  [1_700, 50],
  [78, 500],
] as const

interface PoolTurn {
  language: number
  place: number
  message: string
  reply: string
  terms: number[]
  message_terms: number
}

/**
 * Fills the tables with a million messages: one long session for each script, with its facts, and many shorter ones. A
 * turn's texts are turns of the test set that state no fact. Its terms are those of the texts, and some of a vocabulary of
 * 30,000 whose frequencies fall off by Zipf's law. Every word of a question is in up to 1 % of the turns.
 * @returns the long sessions by their script, and one of each of the other lengths by its messages
 */
export async function seedMillion(database: TestDatabase) {
  const client = new Client(database)
  await client.connect()
  try {
    await client.query(setUp)
    await client.query(`insert into pool select * from ${records('pool')}`, [json(fillerPool())])
    const scripts = Object.keys(factsAtLength) as Script[]
    const long = scripts.map((script, language) => ({
      ...newSession(script === 'English' ? 25_000 : 20_480),
      script,
      language,
    }))
    await client.query(`insert into planted select * from ${records('planted')}`, [
      json(long.flatMap(plantedIn)),
    ])
    await client.query(
      `insert into filled select "sessionId", "userId", turns, language
from jsonb_to_recordset($1) as s ("sessionId" uuid, "userId" text, turns integer, language integer)`,
      [json(long)],
    )
    const named = new Map(
      long.map(({ script, ...session }) => [script as string, session as SeededSession]),
    )
    for (const [sessions, turns] of others) {
      const { rows } = await client.query<SeededSession>(
        `insert into filled
select gen_random_uuid(), 'visitor:' || gen_random_uuid(), $2, number % 6 from generate_series(1, $1::integer) number
returning session_id as "sessionId", user_id as "userId", turns`,
        [sessions, turns],
      )
      if (rows[0]) named.set(`${2 * turns} messages`, rows[0])
    }
    await client.query(fill)
    await client.query(index)
    return named
  } finally {
    await client.end()
  }
}

function newSession(turns: number): SeededSession {
  return { userId: `visitor:${crypto.randomUUID()}`, sessionId: crypto.randomUUID(), turns }
}

function plantedIn({ sessionId, turns, script }: SeededSession & { script: Script }) {
  return factsAtLength[script].map(({ message, reply }, place) => {
    const { terms, messageTerms } = turnTerms(message, null, reply)
    const turn = turns + 1 - turnsAgo[place]!
    return { session_id: sessionId, turn, message, reply, terms, message_terms: messageTerms }
  })
}

function fillerPool(): PoolTurn[] {
  const random = seededRandom()
  const below = (end: number) => Math.floor(random() * end)
  const chats = languages.map((language) => {
    const { turns, questions } = readTestSet(language)
    const stated = new Set(questions.flatMap(({ evidence }) => evidence))
    return turns.filter((_, index) => !stated.has(index))
  })
  return Object.values(factsAtLength).flatMap((facts, language) => {
    const pool = Array.from({ length: poolSize }, (_, place) => {
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
    })
    for (const { question } of facts)
      for (const [rank, term] of queryTerms(question, null).terms.entries())
        for (let count = 0; count < 2 + rank; count += 1) pool[below(poolSize)]?.terms.push(term)
    return pool
  })
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

const json = (rows: readonly object[]) => JSON.stringify(rows)

/** The rows of a parameter, as this table has them. */
function records(table: 'pool' | 'planted'): string {
  return `jsonb_populate_recordset(null::${table}, $1::jsonb)`
}

const setUp = `
drop index messages_terms;
alter table messages set (autovacuum_enabled = off);
alter table sessions set (autovacuum_enabled = off);
create unlogged table pool (
  language integer, place integer, message text, reply text, terms integer[], message_terms integer,
  primary key (language, place));
create unlogged table planted (
  session_id uuid, turn integer, message text, reply text, terms integer[], message_terms integer,
  primary key (session_id, turn));
create unlogged table filled (session_id uuid, user_id text, turns integer, language integer)`

const fill = `
analyze pool, planted, filled;
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
    select term # term_salt(f.session_id) from unnest(coalesce(planted.terms, pool.terms)) term) end,
  case is_reply when 1 then coalesce(planted.message_terms, pool.message_terms) end
from filled f
cross join lateral generate_series(1, f.turns) n
left join planted on planted.session_id = f.session_id and planted.turn = n
join pool on pool.language = f.language and pool.place = abs(hashint4(n + f.turns)) % ${poolSize}
cross join lateral (select 150 + abs(hashint4(n)) % 200 as tokens) counted
cross join (values (0), (1)) as halves (is_reply);
set session_replication_role = default`

/** As migration 0010 makes it. Filled row by row it would take many times as long. */
const index = `
set maintenance_work_mem = '512MB';
create index messages_terms on messages using gin (terms) with (fastupdate = off)
where role = 'assistant' and status in ('complete', 'interrupted') and seq > 512 and terms is not null`
