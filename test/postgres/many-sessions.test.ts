import { sql } from 'kysely'
import { Client as PgClient } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { claimSomeSessions } from '../../src/db/claim-sessions.ts'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { exportPage } from '../../src/db/export-page.ts'
import { createSession, listSessions } from '../../src/db/sessions.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { newUserId, testDatabase } from '../rigs/conversation.ts'
import { explained } from '../rigs/explained.ts'
import { exportAnswer, exportedData, lastCursor } from '../rigs/export-lines.ts'
import { type Login, startLogin } from '../rigs/login.ts'
import { problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const count = 20_000
/**
 * Postgres may walk the primary key instead of the user's index if the user has a large part of all sessions, and then
 * passes sessions of others.
 */
const passingOthers = 2
const db = testDatabase()
let login: Login
const { rig } = useRig(async () => {
  login = await startLogin()
  return login.vars
})
afterAll(() => login.close())

/** Writes sessions with two messages each, or none, one in ten minutes. */
async function seed(userId: string, messages: 0 | 2) {
  await sql`
with seeded as (
  insert into sessions (id, user_id, title, next_seq, created_at)
  select gen_random_uuid(), ${userId}, 'Title', ${messages + 1}::integer,
    statement_timestamp() - place * interval '10 minutes'
  from generate_series(1, ${count}::integer) place
  returning id
)
insert into messages (session_id, id, seq, role, status, content, token_count)
select id, gen_random_uuid(), seq, 'user', 'complete', 'text', 1
from seeded, generate_series(1, ${messages}::integer) seq`.execute(db.kysely)
  await sql`analyze sessions, messages`.execute(db.kysely)
}

describe(`a user with ${count} sessions`, () => {
  let visitor: Client
  let user: Client
  let visitorId: string
  beforeAll(async () => {
    visitor = await newVisitor(rig.url)
    user = createClient(rig.url, await login.sign())
    visitorId = visitorIdOf(visitor.token ?? '')
    await seed(visitorId, 2)
  }, 90_000)

  test('lists them in pages of one call each, and each reads its own rows', async () => {
    const middle = new Date(Date.now() - (count / 2) * 600_000).toISOString()
    for (const after of [undefined, { lastActivity: middle, id: crypto.randomUUID() }]) {
      const { sessions, wholeTables } = await explained(db, (explaining) =>
        listSessions(explaining, visitorId, { limit: 200, after }),
      )
      expect(sessions).toBeGreaterThanOrEqual(200)
      // Those of the hours at both ends too.
      expect(sessions).toBeLessThanOrEqual(201 + 12)
      expect(wholeTables).toEqual([])
    }
    rig.clear()
    const ids = new Set<string>()
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const page = await visitor.expect(200, 'GET', `/v1/sessions?limit=200${query}`)
      for (const { id } of page.data) ids.add(id)
      cursor = page.next_cursor
    }
    expect(ids.size).toBe(count)
    expect(rig.database.calls).toHaveLength(count / 200)
  })

  test('exports them in several answers, whose pages each read their own rows', async () => {
    const middle = { sessionId: '80000000-0000-4000-8000-000000000000', seq: 0 }
    const { sessions, messages, wholeTables } = await explained(db, (explaining) =>
      exportPage(explaining, visitorId, middle),
    )
    expect(sessions).toBeLessThanOrEqual(passingOthers * 202)
    expect(messages).toBeLessThanOrEqual(2 * 200)
    expect(wholeTables).toEqual([])
    const lines = await exportAnswer(visitor)
    while (lines.at(-1)?.type === 'more')
      lines.push(...(await exportAnswer(visitor, lastCursor(lines))))
    const data = exportedData(lines)
    expect([data.sessions.length, data.messages.length]).toEqual([count, 2 * count])
  }, 90_000)

  test('claims them in one request, whose calls each read their own rows', async () => {
    const other = newUserId()
    const { sessions, wholeTables } = await explained(db, (explaining) =>
      claimSomeSessions(explaining, { visitorId, userId: other }),
    )
    // Each is found by its user, and then again by its id.
    expect(sessions).toBeLessThanOrEqual(passingOthers * (2 * 500 + 20))
    expect(wholeTables).toEqual([])
    rig.clear()
    const body = { visitor_token: visitor.token }
    expect(await user.expect(200, 'POST', '/v1/sessions/claim', body)).toEqual({
      claimed: count - 500,
    })
    expect(rig.database.calls).toHaveLength(count / 500)
  }, 90_000)

  test('erases them in several requests, whose calls each read their own rows', async () => {
    const userId = newUserId()
    await seed(userId, 2)
    const { sessions, wholeTables } = await explained(db, (explaining) =>
      eraseSomeOfUser(explaining, userId),
    )
    expect(sessions).toBeLessThanOrEqual(passingOthers * (2 * 100 + 2))
    expect(wholeTables).toEqual([])
    let requests = 1
    for (let response = await user.request('DELETE', '/v1/me'); response.status !== 204;) {
      expect((await problemOf(response)).code).toBe('erase_unfinished')
      response = await user.request('DELETE', '/v1/me')
      requests += 1
    }
    expect(requests).toBe(Math.ceil((count - 500) / (100 * 45)))
    expect((await user.expect(200, 'GET', '/v1/sessions')).data).toEqual([])
  }, 90_000)
})

test(`a user with ${count} sessions without messages, from before their limit, comes to twenty in calls of bounded work`, async () => {
  const userId = newUserId()
  await seed(userId, 0)
  const { sessions } = await explained(db, (explaining) =>
    createSession(explaining, { id: crypto.randomUUID(), userId }),
  )
  expect(sessions).toBeLessThanOrEqual(2 * 520)
  for (let call = 0; call < count / 500; call += 1)
    await createSession(db, { id: crypto.randomUUID(), userId })
  const { sessions: left, next } = await listSessions(db, userId, { limit: 200 })
  expect([left.length, next]).toEqual([20, undefined])
}, 90_000)

test('a turn in the same hour as the one before updates its session without writing an index', async () => {
  const client = new PgClient(inject('database').connectionString)
  await client.connect()
  try {
    await client.query(`
begin;
create temporary table seeded (like sessions including all) on commit drop;
insert into seeded (id, user_id, next_seq, created_at, last_message_at)
select gen_random_uuid(), 'visitor:1', 3, now(), '2026-03-01T12:10:00Z' from generate_series(1, 5)`)
    const updates = async (change: string) => {
      const counts = `
select n_tup_upd::integer as all, n_tup_hot_upd::integer as hot from pg_stat_xact_user_tables where relname = 'seeded'`
      const { rows: before } = await client.query(counts)
      await client.query(`update seeded set next_seq = next_seq + 2, ${change}`)
      const { rows: after } = await client.query(counts)
      return { all: after[0].all - before[0].all, hot: after[0].hot - before[0].hot }
    }
    const minutes = (number: number) =>
      `last_message_at = last_message_at + interval '${number} minutes'`
    expect(await updates(minutes(5))).toEqual({ all: 5, hot: 5 })
    expect(await updates(minutes(44))).toEqual({ all: 5, hot: 5 })
    expect(await updates(minutes(1))).toEqual({ all: 5, hot: 0 })
  } finally {
    await client.end()
  }
})
