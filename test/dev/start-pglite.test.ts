import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lockFolder } from '../../scripts/dev/lock-folder.ts'
import { startPglite } from '../../scripts/dev/start-pglite.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-pglite-'))
})

afterAll(() => rm(folder, { recursive: true }))

test('data in a folder survives a restart, with a new password', async () => {
  const dataDir = join(folder, 'data')
  const first = await startPglite({ dataDir })
  await first.db.exec(`create table kept (a text); insert into kept values ('still here')`)
  await expect(startPglite({ dataDir })).rejects.toThrow(`in use by process ${process.pid}`)
  await first.close()

  const second = await startPglite({ dataDir })
  expect((await second.db.query('select * from kept')).rows).toEqual([{ a: 'still here' }])
  expect(second.connectionString).not.toBe(first.connectionString)
  await second.close()
}, 60_000)

test('two databases in memory are independent', async () => {
  const [one, other] = [await startPglite(), await startPglite()]
  await one.db.exec('create table mine (a int)')
  await expect(other.db.query('select * from mine')).rejects.toMatchObject({ code: '42P01' })
  await Promise.all([one.close(), other.close()])
}, 60_000)

test('a start takes over the lock of a process that has ended; a released lock is free', async () => {
  const locked = join(folder, 'locked')
  // No process has an id this high.
  await writeFile(`${locked}.lock`, '4194999')
  const lock = await lockFolder(locked)
  await expect(lockFolder(`${locked}/`)).rejects.toThrow('in use')
  await lock.release()
  await (await lockFolder(locked)).release()
})
