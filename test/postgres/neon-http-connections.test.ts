import { neon, neonConfig, NeonDbError, type NeonQueryFunction } from '@neondatabase/serverless'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Exchange, type NeonHttp, startNeonHttp } from '../../scripts/dev/neon-http.ts'
import { pgBackend } from '../../scripts/dev/pg-backend.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'

let database: TestDatabase
let backend: ReturnType<typeof pgBackend>
let endpoint: NeonHttp
let sql: NeonQueryFunction<false, false>
let exchanges: Exchange[] = []

beforeAll(async () => {
  database = await startDatabase('postgres')
  // One connection: the next request gets the same backend, unless it was closed.
  backend = pgBackend({ connectionString: database.connectionString, poolSize: 1 })
  endpoint = await startNeonHttp({ backend, onExchange: (exchange) => exchanges.push(exchange) })
  neonConfig.fetchEndpoint = endpoint.url
  sql = neon(database.connectionString)
}, 60_000)

afterAll(async () => {
  await endpoint?.close()
  await backend?.close()
  await database?.close()
})

async function backendId(): Promise<unknown> {
  const [row] = await sql`select pg_backend_pid() as id`
  return row?.['id']
}

describe('the connection of a request', () => {
  test('is closed after an SQL error of a single query', async () => {
    const id = await backendId()
    await expect(sql`select 1/0`).rejects.toThrow(NeonDbError)
    expect(await backendId()).not.toBe(id)
  })

  test('serves the next request after an SQL error in a batch', async () => {
    const id = await backendId()
    await expect(sql.transaction([sql`select 1`, sql`select 1/0`])).rejects.toThrow(NeonDbError)
    expect(await backendId()).toBe(id)
  })

  test('is closed after an error of COMMIT', async () => {
    await database.exec(`drop table if exists late;
      create table late (a int unique deferrable initially deferred)`)
    const id = await backendId()
    const batch = [sql`insert into late values (1)`, sql`insert into late values (1)`]
    await expect(sql.transaction(batch)).rejects.toMatchObject({ code: '23505' })
    expect(await backendId()).not.toBe(id)
  })

  test('is closed where a single query leaves a transaction open', async () => {
    const id = await backendId()
    await sql`begin`
    expect(await backendId()).not.toBe(id)
  })
})

describe('round trips between proxy and compute', () => {
  beforeEach(() => {
    exchanges = []
  })
  const roundTrips = () => exchanges.map((exchange) => exchange.roundTrips)

  test('a single query is two', async () => {
    await sql`select 1`
    await sql`select ${1}::int`
    expect(roundTrips()).toEqual([2, 2])
  })

  test('a batch of four is ten', async () => {
    await sql.transaction([sql`select 1`, sql`select 2`, sql`select 3`, sql`select 4`])
    expect(roundTrips()).toEqual([10])
  })

  test('a batch that fails in its second statement is six', async () => {
    const batch = [sql`select 1`, sql`select 1/0`, sql`select 3`]
    await expect(sql.transaction(batch)).rejects.toThrow(NeonDbError)
    expect(roundTrips()).toEqual([6])
  })

  test('bytes are those of the two bodies', async () => {
    const body = JSON.stringify({ query: 'select $1::text', params: ['é'] })
    const headers = { 'Neon-Connection-String': database.connectionString }
    const response = await fetch(endpoint.url, { method: 'POST', headers, body })
    const answer = Buffer.byteLength(await response.text())
    expect(exchanges).toMatchObject([
      { requestBytes: Buffer.byteLength(body), responseBytes: answer },
    ])
  })
})
