import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { schemaVersion } from '../../src/db/schema.ts'
import { createClient } from '../rigs/client.ts'
import { problemOf } from '../rigs/problem.ts'
import type { Request } from '../rigs/routes.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'
import { type Rig, startRig, useRig } from '../rigs/start-rig.ts'

const ready: Request = ['GET', '/health/ready']
const live: Request = ['GET', '/health/live']
const chat: Request = ['POST', '/v1/chat', { message: 'Hello' }]
const others: Request[] = [
  ['GET', '/v1/sessions'],
  ['GET', '/nothing'],
]

describe('a Worker whose database', () => {
  let own: TestDatabase
  let rig: Rig
  beforeAll(async () => {
    own = await startDatabase(inject('database').kind)
    rig = await startRig({}, { database: own })
  })
  afterAll(async () => {
    await rig.close()
    await own.close()
  })

  test('was never migrated is alive but not ready', async () => {
    const client = createClient(rig.url)
    const problem = await problemOf(await client.request(...ready))
    expect(problem).toMatchObject({
      code: 'schema_outdated',
      status: 503,
      schema_version: 0,
      wanted_schema_version: schemaVersion,
    })
    expect(problem['detail']).toContain('npm run migrate')
    await client.expect(200, ...live)
  })

  test('is behind is not ready, and names the migration', async () => {
    await own.exec(`create table schema_migrations as select ${schemaVersion - 1} as version`)
    const problem = await problemOf(await createClient(rig.url).request(...ready))
    expect(problem).toMatchObject({
      code: 'schema_outdated',
      status: 503,
      detail: `Migration ${schemaVersion - 1} of ${schemaVersion} is applied: run npm run migrate`,
      schema_version: schemaVersion - 1,
      wanted_schema_version: schemaVersion,
    })
  })

  test('is migrated, or ahead, is ready', async () => {
    const client = createClient(rig.url)
    for (const version of [schemaVersion, schemaVersion + 1]) {
      await own.exec(`update schema_migrations set version = ${version}`)
      const versions = { schema_version: version, wanted_schema_version: schemaVersion }
      const answer = { status: 'ok', ...versions }
      expect(await client.expect(200, ...ready)).toEqual(answer)
    }
  })
})

describe('a Worker', () => {
  const { rig } = useRig()

  test('is alive but not ready while the database is down', async () => {
    rig.database.fault = () => 'reset before'
    const client = createClient(rig.url)
    const response = await client.request(...ready)
    expect(await problemOf(response)).toMatchObject({ code: 'database_unavailable', status: 503 })
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    await client.expect(200, ...live)
  })
})

describe('a Worker whose settings are wrong', () => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig({
      DATABASE_URL: 'postgres://canary-user@canary host/canary',
      NEON_HTTP_ENDPOINT: 'http://canary.example/sql',
      MODEL_TIMEOUT_MS: 'canary',
    })
  })
  afterAll(() => rig.close())

  test('names them at each request and at /health/ready, and stays alive', async () => {
    const client = createClient(rig.url)
    for (const request of [chat, ready, ...others]) {
      const problem = await problemOf(await client.request(...request))
      expect(problem).toMatchObject({ code: 'misconfigured', status: 500 })
      for (const name of ['DATABASE_URL', 'NEON_HTTP_ENDPOINT', 'MODEL_TIMEOUT_MS'])
        expect(problem['detail']).toContain(name)
      expect(JSON.stringify(problem)).not.toContain('canary')
    }
    await client.expect(200, ...live)
    expect(rig.logs().join()).not.toContain('canary')
    expect(rig.timeline).toEqual([])
  })
})

describe('a Worker that the database refuses', () => {
  const changed = (change: (url: URL) => void) => {
    const url = new URL(inject('database').connectionString)
    change(url)
    return url.href
  }

  test.each([
    ['another password', () => changed((url) => (url.password = 'canary-password'))],
    ['another database', () => changed((url) => (url.pathname = '/nothing'))],
  ])('says that it is misconfigured, without the password: %s', async (_, connectionString) => {
    const { password } = new URL(connectionString())
    const rig = await startRig({ DATABASE_URL: connectionString() })
    try {
      for (const request of [ready, chat]) {
        const problem = await problemOf(await createClient(rig.url).request(...request))
        expect(problem).toMatchObject({
          code: 'misconfigured',
          status: 500,
          settings: [{ name: 'DATABASE_URL' }],
        })
        expect(JSON.stringify(problem)).not.toContain(password)
      }
      expect(rig.logs().join()).not.toContain(password)
      expect(rig.model.requests).toEqual([])
    } finally {
      await rig.close()
    }
  })
})
