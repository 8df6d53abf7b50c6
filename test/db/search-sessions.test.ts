import { sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import type { SearchPosition } from '../../src/db/search-query.ts'
import { searchSessions, type SessionSearch } from '../../src/db/search-sessions.ts'
import { deleteSession } from '../../src/db/sessions.ts'
import { newUserId, testDatabase } from '../rigs/conversation.ts'
import { explained } from '../rigs/explained.ts'

const db = testDatabase()

/** The most that a call reads. */
const maxMessages = 10_000

interface Seeded {
  messages: number
  /** Minutes since the last activity. */
  ago: number
}

/** Writes sessions of one user. @returns their ids, in the order of `seeded` */
async function seed(userId: string, seeded: readonly Seeded[]): Promise<string[]> {
  const rows = seeded.map((each) => ({ ...each, id: crypto.randomUUID() }))
  await sql`
insert into sessions (id, user_id, title, next_seq, created_at)
select id, ${userId}, 'Title', messages + 1, '2026-03-01T12:00:00Z'::timestamptz - ago * interval '1 minute'
from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as row (id uuid, messages integer, ago integer)`.execute(
    db.kysely,
  )
  await sql`
insert into messages (session_id, id, seq, role, status, content, token_count, reply_to, finish_reason,
  turn_tokens, turn_tokens_bound, turn_tokens_exact, stop_requested)
select row.id, gen_random_uuid(), seq, case seq % 2 when 1 then 'user' else 'assistant' end, 'complete',
  'text of message ' || seq, 1, case seq % 2 when 0 then seq - 1 end, 'stop',
  case seq % 2 when 0 then 1 end, case seq % 2 when 0 then 1 end, case seq % 2 when 0 then false end,
  case seq % 2 when 0 then false end
from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as row (id uuid, messages integer),
  generate_series(1, messages) seq`.execute(db.kysely)
  return rows.map(({ id }) => id)
}

async function change(sessionId: string | undefined, seq: number, columns: object) {
  await db.kysely
    .updateTable('messages')
    .set(columns)
    .where('session_id', '=', sessionId ?? '')
    .where('seq', '=', seq)
    .execute()
}

interface Walk {
  ids: string[]
  calls: number
  /** The time up to which each call searched; undefined: the end. */
  until: (string | undefined)[]
}

/** Searches to the end. */
async function walk(
  search: Omit<SessionSearch, 'limit'> & { limit?: number },
  between: (after: SearchPosition, call: number) => Promise<unknown> = async () => {},
): Promise<Walk> {
  const result: Walk = { ids: [], calls: 0, until: [] }
  for (let after: SearchPosition | undefined; ;) {
    const { sessions, next } = await searchSessions(db, { limit: 50, ...search, after })
    result.calls += 1
    result.ids.push(...sessions.map(({ id }) => id))
    result.until.push(next?.lastActivity)
    if (next === undefined) return result
    await between(next, result.calls)
    after = next
  }
}

describe('a search by conditions on messages', () => {
  const userId = newUserId()
  let ids: string[]
  beforeAll(async () => {
    ids = await seed(userId, [
      { messages: 4, ago: 1 },
      { messages: 25_001, ago: 2 },
      { messages: 0, ago: 3 },
      { messages: 6_000, ago: 70 },
      { messages: 6_000, ago: 80 },
      { messages: 1, ago: 9_000 },
    ])
    await change(ids[1], 2, { content: 'the oldest needle', rating: 'up' })
    await change(ids[1], 25_000, { content: 'the newest pin', rating: 'down' })
    await change(ids[5], 1, { content: 'the last needle' })
  }, 90_000)

  test('finds each session once, also by the oldest message of a long one, in calls of bounded work', async () => {
    const { ids: found, calls, until } = await walk({ userId, text: 'NEEDLE' })
    expect(found).toEqual([ids[1], ids[5]])
    // 37,000 messages in calls of 10,000, and one more for the end.
    expect(calls).toBe(4)
    expect(until.at(-1)).toBeUndefined()
    expect(until.slice(0, 2)).toEqual(['2026-03-01T11:58:00.000Z', '2026-03-01T11:58:00.000Z'])
  })

  test('finds a title at once, and nothing twice', async () => {
    const { ids: found, calls } = await walk({ userId, text: 'title', limit: 2 })
    expect(found).toEqual(ids)
    expect(calls).toBe(3)
  })

  test('finds a session whose conditions are met by messages far apart, read by different calls', async () => {
    expect((await walk({ userId, text: 'newest pin', rating: 'up' })).ids).toEqual([ids[1]])
    expect((await walk({ userId, text: 'oldest needle', rating: 'down' })).ids).toEqual([ids[1]])
    expect((await walk({ userId, text: 'last needle', rating: 'up' })).ids).toEqual([])
    expect((await walk({ userId, rating: 'up', status: 'complete' })).ids).toEqual([ids[1]])
    expect((await walk({ userId, text: 'text of', status: 'failed' })).ids).toEqual([])
  })

  test('misses and repeats nothing if sessions have activity or are erased between two calls', async () => {
    const [newer = '', erased = '', later = ''] = await seed(userId, [
      { messages: 12_000, ago: 20_000 },
      { messages: 2, ago: 20_001 },
      { messages: 2, ago: 20_002 },
    ])
    for (const id of [newer, erased, later]) await change(id, 1, { content: 'a thimble' })
    const { ids: found } = await walk(
      { userId, text: 'thimble', until: '2026-02-20' },
      async (after) => {
        if (after.id !== newer || after.within === undefined) return
        await sql`update sessions set last_message_at = '2026-02-19' where id = ${newer}`.execute(
          db.kysely,
        )
        await deleteSession(db, userId, erased)
      },
    )
    expect(found).toEqual([newer, later])
    for (const id of [newer, later]) await deleteSession(db, userId, id)
  })
})

describe('in a table of 20,000 sessions, one in ten minutes, a call reads a bounded number of rows', () => {
  const userId = newUserId()
  // The other tests of this database have no session that is so old.
  const after = { lastActivity: '2020-01-01T00:00:00.000Z', id: crypto.randomUUID() }
  beforeAll(async () => {
    await sql`
with seeded as (
  insert into sessions (id, user_id, title, next_seq, created_at)
  select gen_random_uuid(), ${userId}, 'Title', 2, '2020-01-01T00:00:00Z'::timestamptz - place * interval '10 minutes'
  from generate_series(1, 20000) place
  returning id
)
insert into messages (session_id, id, seq, role, status, content, token_count)
select id, gen_random_uuid(), 1, 'user', 'complete', 'text', 1 from seeded`.execute(db.kysely)
    await sql`analyze sessions, messages`.execute(db.kysely)
  }, 90_000)

  test.each<[string, number, Partial<SessionSearch>]>([
    ['by a rare text', 1_001, { text: 'no such words', after }],
    ['by a rare text, of one user', 1_001, { text: 'no such words', userId }],
    ['by a rating', 1_001, { rating: 'down', after }],
    ['by a status and a time', 1_001, { status: 'failed', until: '2019-10-01' }],
    ['without a condition on messages', 51, { after }],
    ['of one user', 51, { userId }],
    ['by a time', 51, { until: '2019-10-01', since: '2019-09-01' }],
  ])('%s', async (_, maxSessions, search) => {
    const { messages, sessions, wholeTables } = await explained(db, (explaining) =>
      searchSessions(explaining, { limit: 50, ...search }),
    )
    expect(messages).toBeLessThanOrEqual(maxMessages)
    // Those of the hours at both ends too.
    expect(sessions).toBeGreaterThanOrEqual(50)
    expect(sessions).toBeLessThanOrEqual(maxSessions + 12)
    expect(wholeTables).toEqual([])
  })
})

test('a search reads a bounded number of bytes in each call', async () => {
  const userId = newUserId()
  const ids = await seed(userId, [
    { messages: 8, ago: 1 },
    { messages: 2, ago: 2 },
  ])
  const content = `${'x'.repeat(1024 * 1024)} needle`
  await db.kysely.updateTable('messages').set({ content }).where('session_id', 'in', ids).execute()
  await change(ids[0], 1, { content: 'a pin' })
  expect(await walk({ userId, text: 'a pin' })).toMatchObject({ ids: [ids[0]], calls: 3 })
  expect(await walk({ userId, text: 'needle', rating: 'up' })).toMatchObject({ ids: [], calls: 3 })
  expect((await walk({ userId, text: 'needle' })).ids).toEqual(ids)
})

describe('the text of a search', () => {
  const stored: [string, string][] = [
    ['Kann ich 100% zurückgeben?', '100% ZURÜCK'],
    ['a_b\\c', 'A_B\\C'],
    ['ПРИВЕТ, мир', 'привет'],
    ['¿Dónde está el CAFÉ?', 'café'],
    ['écrit en NFD'.normalize('NFD'), 'écrit'.normalize('NFC')],
    ['한국어 질문', '한국어'.normalize('NFD')],
    ['返品できますか', 'できます'],
    ['هل يمكنني الإرجاع', 'الإرجاع'],
    ['👩‍🚀 in space', '👩‍🚀'],
    ["' or 1 = 1 --", "' OR 1"],
  ]
  const userId = newUserId()
  let ids: string[]
  beforeAll(async () => {
    ids = await seed(
      userId,
      stored.map((_, ago) => ({ messages: 2, ago })),
    )
    for (const [index, [content]] of stored.entries()) await change(ids[index], 2, { content })
  })

  test.each(stored.map(([content, text], index) => ({ content, text, index })))(
    '"$text" finds "$content", and nothing else',
    async ({ text, index }) => {
      expect((await walk({ userId, text })).ids).toEqual([ids[index]])
    },
  )

  test.each(['1__%', '%zzz%', 'a%c', 'a\\_b', '\\'.repeat(3)])(
    '"%s" is no pattern',
    async (text) => {
      expect((await walk({ userId, text })).ids).toEqual([])
    },
  )
})
