import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { findBinaries } from '../../scripts/dev/find-postgres.ts'
import { startPostgresServer } from '../../scripts/dev/postgres-server.ts'

async function queryOnce(connectionString: string, text: string): Promise<string> {
  const client = new Client({ connectionString })
  try {
    await client.connect()
    const { rows } = await client.query<string[]>({ text, rowMode: 'array' })
    return rows[0]?.[0] ?? ''
  } finally {
    await client.end()
  }
}

test('the server listens only on the loopback address and requires its password', async () => {
  const server = await startPostgresServer()
  try {
    const show = (name: string) => queryOnce(server.connectionString, `show ${name}`)
    expect(await show('listen_addresses')).toBe('127.0.0.1')
    expect(await show('unix_socket_directories')).toBe('')
    expect(await show('max_connections')).toBe('200')
    const stranger = new URL(server.connectionString)
    stranger.password = 'guess'
    await expect(queryOnce(stranger.href, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  } finally {
    await server.stop()
  }
})

test('settings are added to those that every server has', async () => {
  const settings = { shared_preload_libraries: 'pg_stat_statements' }
  const server = await startPostgresServer({ settings })
  try {
    await queryOnce(server.connectionString, 'create extension pg_stat_statements')
    const counted = `select count(*) > 0 from pg_stat_statements`
    expect(await queryOnce(server.connectionString, counted)).toBe(true)
    expect(await queryOnce(server.connectionString, 'show fsync')).toBe('off')
  } finally {
    await server.stop()
  }
})

test('stop leaves neither server nor folder', async () => {
  const server = await startPostgresServer()
  const data = await queryOnce(server.connectionString, 'show data_directory')
  expect(existsSync(data)).toBe(true)
  await server.stop()
  expect(existsSync(dirname(data))).toBe(false)
  await expect(queryOnce(server.connectionString, 'select 1')).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  })
  await server.stop()
})

test('the server ends with the process that started it, even if that process is killed', async () => {
  const module = new URL('../../scripts/dev/postgres-server.ts', import.meta.url).href
  const script = `
    const { startPostgresServer } = await import(${JSON.stringify(module)})
    console.log((await startPostgresServer()).connectionString)
    setInterval(() => {}, 60_000)`
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line]: Buffer[] = await once(parent.stdout, 'data')
  const connectionString = String(line).trim()
  const data = await queryOnce(connectionString, 'show data_directory')

  parent.kill('SIGKILL')

  await expect.poll(() => existsSync(dirname(data)), { timeout: 10_000 }).toBe(false)
  await expect(queryOnce(connectionString, 'select 1')).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  })
})

test('if no binaries are found, the error names the package to install', async () => {
  await expect(findBinaries([])).rejects.toThrow('apt-get install -y postgresql')
})
