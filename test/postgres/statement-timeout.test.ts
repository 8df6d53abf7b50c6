import { sql } from 'kysely'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { changeSession, createSession, deleteSession, listSessions } from '../../src/db/sessions.ts'
import { Problem } from '../../src/errors.ts'
import { newUserId } from '../rigs/conversation.ts'

/** PGlite has no statement timeout. */
const { connectionString, endpoint } = inject('database')
const databaseOf = (timeoutMs: number) => createDatabase({ connectionString, endpoint, timeoutMs })
const db = databaseOf(10_000)

let other: Client
beforeAll(async () => {
  other = new Client(connectionString)
  await other.connect()
})
afterAll(() => other.end())

/** The statements that this database runs for the endpoint and that have this text. */
async function running(text: string): Promise<number> {
  const { rows } = await other.query(
    `select count(*)::integer as count from pg_stat_activity
where state <> 'idle' and pid <> pg_backend_pid() and query like $1`,
    [`%${text}%`],
  )
  return rows[0].count
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'none',
    (error: unknown) => (error instanceof Problem ? error.code : String(error)),
  )

describe('a statement that takes too long', () => {
  test('is canceled by the database before the Worker gives up, and is told apart', async () => {
    const slow = (to: Database) => sql`select pg_sleep(30) as slow_alone`.execute(to.kysely)
    expect(await codeOf(slow(db))).toBe('database_timeout')
    expect(await running('slow_alone')).toBe(0)
  })

  test('has the timeout of its own call, in a batch', async () => {
    const query = sql`select pg_sleep(30) as slow_batch`.compile(db.kysely)
    const patient = databaseOf(60_000)
    expect(await codeOf(patient.batch([query], { timeoutMs: 10_000 }))).toBe('database_timeout')
    expect(await running('slow_batch')).toBe(0)
  })

  test('leaves the timeout to no other call of its connection', async () => {
    await listSessions(db, newUserId(), { limit: 1 })
    const query = sql<{ value: string }>`select current_setting('statement_timeout') as value`
    for (let call = 0; call < 20; call += 1)
      expect(await databaseOf(20_000).single(query.compile(db.kysely))).toEqual([{ value: '0' }])
  })

  test('changes nothing', async () => {
    const userId = newUserId()
    const { id } = await createSession(db, { id: crypto.randomUUID(), userId, title: 'Old' })
    const calls = [
      () => changeSession(db, userId, id, { title: 'New' }),
      () => deleteSession(db, userId, id),
    ]
    await other.query('begin')
    try {
      await other.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [id])
      await other.query('select from sessions where id = $1 for update', [id])
      for (const call of calls) expect(await codeOf(call())).toBe('database_timeout')
    } finally {
      await other.query('rollback')
    }
    const { sessions } = await listSessions(db, userId, { limit: 10 })
    expect(sessions).toMatchObject([{ id, title: 'Old' }])
  })
})

test('a statement whose caller has left is canceled, also where it has no timeout', async () => {
  const query = sql`select pg_sleep(30) as slow_single`.compile(db.kysely)
  const call = codeOf(db.single(query, { timeoutMs: 1_000 }))
  await vi.waitUntil(async () => (await running('slow_single')) === 1, 10_000)
  expect(await call).toBe('database_unavailable')
  await vi.waitUntil(async () => (await running('slow_single')) === 0, 10_000)
})
