import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startPglite } from '../scripts/dev/start-pglite.ts'
import { baseline, migrate, migrationStatus } from '../scripts/migrate/migrate.ts'
import { folderOf } from './rigs/folder-of.ts'

let db: PGlite
beforeAll(async () => {
  ;({ db } = await startPglite())
}, 60_000)
beforeEach(async () => {
  await db.exec('drop schema public cascade; create schema public')
})
afterAll(() => db.close())

const values = async (sql: string): Promise<unknown[]> => {
  const { rows } = await db.query<unknown[]>(sql, [], { rowMode: 'array' })
  return rows.map(([value]) => value)
}
const recorded = () => values('select name from schema_migrations order by version')

test('each file is applied in order, once', async () => {
  const folder = await folderOf({
    '0002_two.sql': "insert into a values ('two')",
    '0001_one.sql': "create table a (b text); insert into a values ('one')",
  })
  expect(await migrate(db, { folder })).toEqual({ applied: ['0001_one.sql', '0002_two.sql'] })
  const lines: string[] = []
  expect(await migrate(db, { folder, log: (line) => lines.push(line) })).toEqual({ applied: [] })
  expect(lines).toEqual(['nothing to do: 2 migrations applied'])
  expect(await values('select b from a')).toEqual(['one', 'two'])
  expect(await values('select max(version) from schema_migrations')).toEqual([2])
})

test('a file and its record are one transaction', async () => {
  const folder = await folderOf({ '0001_one.sql': 'create table a as select 1 as b' })
  await migrate(db, { folder })
  expect(await values('select a.xmin = m.xmin from a, schema_migrations m')).toEqual([true])
})

test('the migrations of this project apply to an empty database', async () => {
  const { applied } = await migrate(db, { folder: join(import.meta.dirname, '../migrations') })
  expect(applied).toEqual(await recorded())
  expect(applied.length).toBeGreaterThan(0)
})

test('every column of the records has a comment', async () => {
  await migrate(db, { folder: await folderOf({ '0001_one.sql': 'select 1' }) })
  const comments = await values(
    `select col_description(attrelid, attnum) from pg_attribute
     where attrelid = 'schema_migrations'::regclass and attnum > 0`,
  )
  expect(comments).toEqual(Array.from({ length: 4 }, () => expect.stringContaining(' ')))
})

test('a file that fails leaves nothing of itself, and keeps the files before it', async () => {
  const folder = await folderOf({
    '0001_one.sql': 'create table a ()',
    '0002_two.sql': 'create table b ();\n\nselect 1,\n  nothing',
    '0003_three.sql': 'create table c ()',
  })
  await expect(migrate(db, { folder })).rejects.toThrow(
    '0002_two.sql: line 4: column "nothing" does not exist (42703)',
  )
  expect(await recorded()).toEqual(['0001_one.sql'])
  expect(await values("select to_regclass('b')")).toEqual([null])
  await writeFile(join(folder, '0002_two.sql'), 'create table b ()')
  const { applied } = await migrate(db, { folder })
  expect(applied).toEqual(['0002_two.sql', '0003_three.sql'])
})

test('a constraint that fails at the commit fails the file', async () => {
  const folder = await folderOf({
    '0001_one.sql': `create table a (b int unique deferrable initially deferred);
      insert into a values (1), (1)`,
  })
  await expect(migrate(db, { folder })).rejects.toThrow('0001_one.sql: duplicate key')
  await expect(migrate(db, { folder, dryRun: true })).rejects.toThrow('duplicate key')
  expect(await recorded()).toEqual([])
})

test.each([
  ['a cast', 'select b::int from a'],
  ['a unique index', 'create unique index on a (b)'],
])('what a visitor wrote is not in the error of %s', async (_, statement) => {
  const folder = await folderOf({
    '0001_one.sql': "create table a (b text); insert into a values ('my secret'), ('my secret')",
    '0002_two.sql': statement,
  })
  const error: unknown = await migrate(db, { folder }).catch((reason: unknown) => reason)
  expect(String(error)).toContain('0002_two.sql: line 1: ')
  expect(String(error)).not.toContain('secret')
})

test('the session settings of a file end with it', async () => {
  const folder = await folderOf({
    '0001_one.sql': `create schema other; set search_path = other; create table a ();
      set lock_timeout = 0; create role somebody; set role somebody; reset role`,
    '0002_two.sql': "create table b as select current_setting('lock_timeout') as lock_timeout",
  })
  await migrate(db, { folder })
  expect(await values('select lock_timeout from public.b')).toEqual(['10s'])
  expect(await values('show lock_timeout')).toEqual(['0'])
  await db.exec('drop schema other cascade; drop role somebody')
})

test('a dry run runs the pending files in order, and keeps nothing', async () => {
  const folder = await folderOf({
    '0001_one.sql': 'create table a (b int)',
    '0002_two.sql':
      '-- migrate: no-transaction\ncreate index concurrently if not exists a_b on a (b);',
    '0003_three.sql': 'insert into a values (1)',
  })
  const lines: string[] = []
  const dryRun = { folder, dryRun: true, log: (line: string) => lines.push(line) }
  expect(await migrate(db, dryRun)).toEqual({ applied: [] })
  expect(lines.map((line) => line.replace(/ \(\d+ ms\)/, ''))).toEqual([
    'would apply 0001_one.sql',
    'not tried: 0002_two.sql runs outside a transaction',
    'would apply 0003_three.sql',
    'dry run: all of it was rolled back',
  ])
  expect(
    await values("select relname from pg_class where relnamespace = 'public'::regnamespace"),
  ).toEqual([])

  await writeFile(join(folder, '0003_three.sql'), "insert into a values ('x')")
  await expect(migrate(db, dryRun)).rejects.toThrow('0003_three.sql: line 1: invalid input')
})

test('a baseline records files without running them, and only if nothing is recorded', async () => {
  const folder = await folderOf({
    '0001_one.sql': 'create table a ()',
    '0002_two.sql': 'create table b ()',
    '0003_three.sql': 'create table c ()',
  })
  await expect(baseline(db, { folder, version: 4 })).rejects.toThrow('there is no file 0004_')
  await db.exec('create table a (); create table b ()')
  await baseline(db, { folder, version: 2 })
  expect(await recorded()).toEqual(['0001_one.sql', '0002_two.sql'])
  expect(await migrate(db, { folder })).toEqual({ applied: ['0003_three.sql'] })
  await expect(baseline(db, { folder, version: 3 })).rejects.toThrow('this one has 3 migrations')
})

test('the status lists applied and pending files, and changes nothing', async () => {
  const folder = await folderOf({ '0001_one.sql': 'select 1' })
  expect(await migrationStatus(db, { folder })).toEqual({
    applied: [],
    pending: ['0001_one.sql'],
  })
  expect(await values("select to_regclass('schema_migrations')")).toEqual([null])
  await migrate(db, { folder })
  await writeFile(join(folder, '0002_two.sql'), 'select 2')
  expect(await migrationStatus(db, { folder })).toEqual({
    applied: [expect.objectContaining({ version: 1, name: '0001_one.sql' })],
    pending: ['0002_two.sql'],
  })
  await writeFile(join(folder, '0001_one.sql'), 'select 2')
  await expect(migrationStatus(db, { folder })).rejects.toThrow('0001_one.sql: was edited')
})

test("another tool's table of the same name is left alone", async () => {
  await db.exec('create table schema_migrations (version text primary key)')
  const folder = await folderOf({ '0001_one.sql': 'select 1' })
  await expect(migrate(db, { folder })).rejects.toThrow('belongs to another tool')
  expect(await values('select count(*)::int from schema_migrations')).toEqual([0])
})

test('an index that is built concurrently exists and is recorded, whatever its name', async () => {
  const folder = await folderOf({
    '0001_one.sql': 'create schema "My Site"; create table "My Site"."A.b" (b int)',
    '0002_two.sql': `-- migrate: no-transaction
      -- for the list
      create unique index concurrently if not exists "A""b" on "My Site"."A.b" (b) where b > 0;`,
    '0003_three.sql':
      '-- migrate: no-transaction\r\ndrop index concurrently if exists "My Site"."A""b"',
  })
  await migrate(db, { folder })
  expect(await recorded()).toHaveLength(3)
  await db.exec('drop schema "My Site" cascade')
})
