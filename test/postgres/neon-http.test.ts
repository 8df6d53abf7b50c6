import { connect, createServer, type Socket } from 'node:net'
import { neon, neonConfig, NeonDbError, type NeonQueryFunction } from '@neondatabase/serverless'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listen } from '../../scripts/dev/listen.ts'
import { startNeonHttp } from '../../scripts/dev/neon-http.ts'
import { pgBackend } from '../../scripts/dev/pg-backend.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'

let database: TestDatabase
let sql: NeonQueryFunction<false, false>

beforeAll(async () => {
  database = await startDatabase('postgres')
  neonConfig.fetchEndpoint = database.endpoint
  sql = neon(database.connectionString)
}, 60_000)

afterAll(async () => {
  await database?.close()
})

/** The backends that are running `select pg_sleep(…), '<mark>' as mark`. */
function sleepers(mark: string): Promise<Record<string, unknown>[]> {
  return sql`select pid from pg_stat_activity
    where wait_event = 'PgSleep' and query like ${`%'${mark}' as mark%`}`
}

test('a connection that is lost in mid-query is a 400 with an empty code', async () => {
  const target = new URL(database.connectionString)
  const sockets = new Set<Socket>()
  const proxy = createServer((socket) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const end of [socket, upstream]) {
      sockets.add(end)
      end.on('error', () => undefined)
    }
    socket.pipe(upstream).pipe(socket)
  })
  const proxyPort = await listen(proxy)
  const throughProxy = new URL(target)
  throughProxy.port = String(proxyPort)
  const backend = pgBackend({ connectionString: throughProxy.href })
  const endpoint = await startNeonHttp({ backend })
  const ask = async (query: string) => {
    const response = await fetch(endpoint.url, {
      method: 'POST',
      body: JSON.stringify({ query }),
      headers: { 'Neon-Connection-String': database.connectionString },
    })
    return { status: response.status, json: await response.json() }
  }
  try {
    const lost = ask(`select pg_sleep(60), 'cut' as mark`)
    await expect.poll(() => sleepers('cut')).toHaveLength(1)
    sockets.forEach((socket) => socket.destroy())
    expect(await lost).toMatchObject({
      status: 400,
      json: { message: 'connection closed', code: '' },
    })
    expect(await ask('select 1 a')).toMatchObject({ status: 200, json: { rows: [{ a: 1 }] } })
  } finally {
    await endpoint.close()
    sockets.forEach((socket) => socket.destroy())
    await backend.close()
    proxy.close()
  }
})

test('a terminated backend answers with its SQLSTATE, and the pool still serves requests', async () => {
  const victim = expect(sql.query(`select pg_sleep(60), 'victim' as mark`)).rejects.toMatchObject({
    code: '57P01',
    severity: 'FATAL',
  })
  await expect.poll(() => sleepers('victim')).toHaveLength(1)
  const [backend] = await sleepers('victim')
  await sql`select pg_terminate_backend(${backend?.['pid']})`
  await victim
  expect(await sql`select 1 as a`).toEqual([{ a: 1 }])
})

test('the query of a client that has left is cancelled', async () => {
  const abort = new AbortController()
  const options = { fetchOptions: { signal: abort.signal } }
  const query = sql.query(`select pg_sleep(60), 'left' as mark`, [], options)
  const left = expect(query).rejects.toThrow(NeonDbError)
  await expect.poll(() => sleepers('left')).toHaveLength(1)
  abort.abort()
  await left
  await expect.poll(() => sleepers('left')).toEqual([])
})

test('requests wait if the pool has no free connection', async () => {
  const backend = pgBackend({ connectionString: database.connectionString, poolSize: 2 })
  const endpoint = await startNeonHttp({ backend })
  try {
    const answers = Array.from({ length: 20 }, async () => {
      const response = await fetch(endpoint.url, {
        method: 'POST',
        body: '{"query":"select pg_backend_pid() pid"}',
        headers: { 'Neon-Connection-String': database.connectionString },
      })
      const { rows }: { rows: { pid: number }[] } = await response.json()
      return rows[0]?.pid
    })
    expect(new Set(await Promise.all(answers)).size).toBeLessThanOrEqual(2)
  } finally {
    await endpoint.close()
    await backend.close()
  }
})

test('transactions run concurrently: a serialization failure is reported as 40001', async () => {
  await database.exec(
    'drop table if exists raced; create table raced (a int); insert into raced values (0)',
  )
  const race = [1, 2].map(() =>
    sql.transaction(
      [sql`select a from raced`, sql`select pg_sleep(0.3)`, sql`update raced set a = a + 1`],
      { isolationLevel: 'RepeatableRead' },
    ),
  )
  const outcomes = await Promise.allSettled(race)
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason] : [],
  )
  expect(failures).toMatchObject([{ code: '40001' }])
})
