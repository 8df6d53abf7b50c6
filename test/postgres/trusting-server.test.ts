import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PostgresServer, startPostgresServer } from '../../scripts/dev/postgres-server.ts'
import { createClient } from '../rigs/client.ts'
import { startDev } from '../rigs/start-dev.ts'

let server: PostgresServer
let folder: string
/** Of the server, without a password. */
let url: string
beforeAll(async () => {
  server = await startPostgresServer()
  folder = await mkdtemp(join(tmpdir(), 'dev-'))
  const bare = new URL(server.connectionString)
  bare.password = ''
  url = bare.href
  await writeFile(join(folder, 'settings'), `DATABASE_URL=${url}`)
}, 60_000)
afterAll(async () => {
  await rm(folder, { recursive: true })
  await server.stop()
})

/** Lets everybody in without a password, as many a PostgreSQL on a developer's machine does. */
async function trustEverybody(): Promise<void> {
  const admin = new Client({ connectionString: server.connectionString })
  await admin.connect()
  const { rows } = await admin.query<{ hba_file: string }>('show hba_file')
  await admin.query(`copy (select 'host all all 127.0.0.1/32 trust') to '${rows[0]?.hba_file}'`)
  await admin.query('select pg_reload_conf()')
  await admin.end()
}

async function migrate(): Promise<{ code: number; output: string }> {
  const env = { PATH: process.env['PATH'], DATABASE_URL: url }
  return promisify(execFile)(process.execPath, ['scripts/migrate.ts'], { env }).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, output: stderr }),
  )
}

test('without a password, both commands are refused by a server that demands one', async () => {
  const { host } = new URL(url)
  const reason = `could not connect to ${host}: it demands a password`
  expect(await migrate()).toEqual({ code: 1, output: `migrate: ${reason}\n` })
  const dev = startDev(folder, [], { settings: 'settings' })
  expect(await dev.exited).toBe(1)
  expect(dev.output()).toContain(reason)
})

test('without a password, both commands work on a server that trusts its users', async () => {
  await trustEverybody()
  const { code, output } = await migrate()
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('applied') })
  const dev = startDev(folder, [], { settings: 'settings' })
  try {
    const visitor = createClient(await dev.ready())
    const { session_id, visitor_token } = await visitor.chat({ message: 'My name is Ada.' })
    visitor.token = visitor_token
    const { reply } = await visitor.chat({ session_id, message: 'What is my name?' })
    expect(reply.content).toContain('Ada')
  } finally {
    dev.child.kill('SIGTERM')
    expect(await dev.exited).toBe(0)
  }
})
