import { neon, neonConfig } from '@neondatabase/serverless'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type NeonHttp, startNeonHttp } from '../../scripts/dev/neon-http.ts'
import { pgBackend } from '../../scripts/dev/pg-backend.ts'
import { databaseKind, startDatabase, type TestDatabase } from '../rigs/start-database.ts'

const kind = databaseKind()

let database: TestDatabase
let backend: ReturnType<typeof pgBackend> | undefined
let endpoint: NeonHttp | undefined
let sql: ReturnType<typeof neon<false, false>>

beforeAll(async () => {
  database = await startDatabase(kind)
  const { connectionString } = database
  sql = neon(connectionString)
  neonConfig.fetchEndpoint = database.endpoint
  if (kind === 'pglite') return
  // One connection, as PGlite has: the next request gets the session of this one.
  backend = pgBackend({ connectionString, poolSize: 1 })
  endpoint = await startNeonHttp({ backend })
  neonConfig.fetchEndpoint = endpoint.url
}, 60_000)

afterAll(async () => {
  await endpoint?.close()
  await backend?.close()
  await database?.close()
})

/** The one cell of a one-cell result. */
async function cell(query: string): Promise<unknown> {
  const rows = await sql.query(query, [], { arrayMode: true })
  return rows[0]?.[0]
}

const backendId = () => cell('select pg_backend_pid()')

describe('nothing of a session is left to the next request', () => {
  let id: unknown
  beforeEach(async () => {
    id = await backendId()
  })

  /** In another backend, every leak would stay unseen. */
  async function expectSameBackend() {
    expect(await backendId()).toBe(id)
  }

  test('settings', async () => {
    const before = await cell('show statement_timeout')
    await sql`set statement_timeout = 12345`
    await sql`select set_config('app.user', 'eve', false)`
    expect(await cell('show statement_timeout')).toBe(before)
    expect(await cell(`select current_setting('app.user', true)`)).not.toBe('eve')
    await expectSameBackend()
  })

  test('temporary tables', async () => {
    await sql`create temp table scratch (a int)`
    expect(await cell(`select to_regclass('scratch')`)).toBeNull()
    await expectSameBackend()
  })

  test('prepared statements', async () => {
    await sql`prepare greeting as select 1`
    expect(await cell('select count(*) from pg_prepared_statements')).toBe('0')
    await expectSameBackend()
  })

  test('cursors', async () => {
    const declare = sql`declare kept cursor with hold for select 1`
    await sql.transaction([declare])
    expect(await cell(`select count(*) from pg_cursors where name = 'kept'`)).toBe('0')
    await expectSameBackend()
  })

  test('advisory locks of the session', async () => {
    await sql`select pg_advisory_lock(42)`
    expect(await cell(`select count(*) from pg_locks where locktype = 'advisory'`)).toBe('0')
    await expectSameBackend()
  })

  test('channels that it listens to', async () => {
    await sql`listen news`
    expect(await cell('select count(*) from pg_listening_channels()')).toBe('0')
    await expectSameBackend()
  })

  test('the last value of a sequence', async () => {
    await database.exec('drop sequence if exists numbers; create sequence numbers')
    await sql`select nextval('numbers')`
    await expect(sql`select currval('numbers')`).rejects.toMatchObject({ code: '55000' })
  })

  test('the role', async () => {
    await database.exec('drop role if exists other; create role other')
    await sql`set role other`
    expect(await cell('select current_user::text')).toBe('postgres')
    await expectSameBackend()
  })

  test('a transaction that a single query began', async () => {
    await database.exec('drop table if exists begun; create table begun (a int)')
    await sql`begin`
    await sql`insert into begun values (1)`
    await sql.query('rollback')
    expect(await cell('select count(*) from begun')).toBe('1')
  })

  test('a transaction that a batch began again after its commit', async () => {
    await database.exec('drop table if exists begun; create table begun (a int)')
    const again = [sql`commit`, sql`begin`, sql`insert into begun values (1)`, sql`select 1/0`]
    await expect(sql.transaction(again)).rejects.toMatchObject({ code: '22012' })
    expect(await cell('select count(*) from begun')).toBe('0')
    await expectSameBackend()
  })
})

test('the plans of a function outlive the request that made them', async () => {
  // Planning evaluates an immutable function once and keeps its result: the sequence counts the plannings.
  await database.exec(`
    drop schema if exists planning cascade; create schema planning;
    create sequence planning.count;
    create table planning.rows (a int);
    create function planning.note() returns int immutable language plpgsql as $$
      begin perform nextval('planning.count'); return 1; end $$;
    create function planning.find() returns bool language plpgsql as $$
      begin return exists (select from planning.rows where a = planning.note()); end $$`)
  const plannings = () => cell('select last_value from planning.count')
  expect(await cell('select planning.find()')).toBe(false)
  const planned = await plannings()
  for (let request = 0; request < 3; request += 1) await cell('select planning.find()')
  expect(await plannings()).toBe(planned)

  await cell('select planning.find()')
  await sql`discard plans`
  await cell('select planning.find()')
  expect(await plannings()).not.toBe(planned)
})
