import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startPostgresServer } from '../../scripts/dev/postgres-server.ts'
import { migrate } from '../../scripts/migrate/migrate.ts'

const command = join(import.meta.dirname, '../../scripts/migrate.ts')

let server: Awaited<ReturnType<typeof startPostgresServer>>
let admin: Client
beforeAll(async () => {
  server = await startPostgresServer()
  admin = await connectTo(server.connectionString)
}, 60_000)
afterAll(async () => {
  await admin.end()
  await server.stop()
})

async function connectTo(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  return client
}

let databases = 0

/** An empty database, a folder with migrations, and a client that watches. */
async function setUp(files: Record<string, string>) {
  databases += 1
  const name = `migrate_${process.pid}_${databases}`
  await admin.query(`create database ${name}`)
  const url = new URL(server.connectionString)
  url.pathname = `/${name}`
  const db = await connectTo(url.href)
  const folder = await mkdtemp(join(tmpdir(), 'migrate-'))
  await mkdir(join(folder, 'migrations'))
  for (const [file, sql] of Object.entries(files)) {
    await writeFile(join(folder, 'migrations', file), sql)
  }
  onTestFinished(async () => {
    await db.end()
    await admin.query(`drop database ${name} with (force)`)
    await rm(folder, { recursive: true })
  })
  const values = async (sql: string): Promise<unknown[]> => {
    const { rows } = await db.query<unknown[]>({ text: sql, rowMode: 'array' })
    return rows.map(([value]) => value)
  }
  const run = (...args: string[]) => start({ cwd: folder, args, DATABASE_URL: url.href })
  return { db, url, folder, values, run, migrations: join(folder, 'migrations') }
}

interface Start {
  cwd?: string
  args?: string[]
  DATABASE_URL?: string
  PGCONNECT_TIMEOUT?: string
}

/** Starts the command: `ended` resolves with all it printed, `printed` once it has printed a text. */
function start({ cwd = tmpdir(), args = [], ...environment }: Start) {
  const child = spawn(process.execPath, [command, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...environment },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = once(child, 'close').then(([code]: unknown[]) => ({ code, output }))
  return {
    ended,
    kill: () => child.kill('SIGKILL'),
    printed: (text: string) => until(() => output.includes(text)),
  }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  // If the condition never becomes true, the test times out.
  while (!(await condition())) await sleep(20)
}

const concurrently = (statement: string) => `-- migrate: no-transaction\n${statement};\n`

/** Each file writes a line to `journal`, which shows a file that ran twice. */
const journal = {
  '0001_one.sql': "create table journal (entry text); insert into journal values ('one');",
  '0002_two.sql': "insert into journal values ('two'); select pg_sleep(0.3);",
  '0003_three.sql': "select pg_sleep(0.3); insert into journal values ('three');",
  '0004_four.sql': concurrently(
    "create index concurrently if not exists journal_entry on journal (entry); comment on index journal_entry is 'by entry'",
  ),
  '0005_five.sql': "insert into journal values ('five');",
}
const entries = ['one', 'two', 'three', 'five']
const invalidIndexes = 'select indexrelid::regclass::text from pg_index where not indisvalid'
const indexComment = "select obj_description('journal_entry'::regclass)"
const validIndex = "select indisvalid from pg_index where indexrelid = 'journal_entry'::regclass"

describe('the command', () => {
  test('applies what is pending, says so, and has nothing to do the second time', async () => {
    const { run, values } = await setUp(journal)
    expect(await run('--status').ended).toMatchObject({ code: 2 })
    const first = await run().ended
    expect(first.output).toMatch(/^(applied 000\d_[a-z]+\.sql \(\d+ ms\)\n){5}$/)
    expect(first.code).toBe(0)
    expect(await run().ended).toEqual({
      code: 0,
      output: 'nothing to do: 5 migrations applied\n',
    })
    expect(await values('select entry from journal')).toEqual(entries)
    expect(await values(validIndex)).toEqual([true])
    expect(await values(indexComment)).toEqual(['by entry'])
    expect(await run('--status').ended).toMatchObject({ code: 0 })
  }, 30_000)

  test('has a dry run, a baseline and a help, and takes one option at a time', async () => {
    const { run, values } = await setUp({ '0001_one.sql': 'create table a ()' })
    expect(await run('--dry-run').ended).toMatchObject({ code: 0 })
    expect(await values("select to_regclass('schema_migrations')")).toEqual([null])
    expect(await run('--baseline', '0001').ended).toEqual({
      code: 0,
      output: 'recorded 0001_one.sql without running it\n',
    })
    expect(await values("select to_regclass('a')")).toEqual([null])
    expect(await start({ args: ['--help'] }).ended).toMatchObject({ code: 0 })
    expect(await start({ args: ['--frob'] }).ended).toMatchObject({ code: 1 })
    expect(await start({ args: ['--baseline', '1'] }).ended).toMatchObject({ code: 1 })
    expect(await start({ args: ['--status', '--dry-run'] }).ended).toMatchObject({ code: 1 })
  }, 30_000)

  test('takes DATABASE_URL from .dev.vars if the environment has none', async () => {
    const { folder, url, values } = await setUp({ '0001_one.sql': 'create table a ()' })
    await writeFile(join(folder, '.dev.vars'), `# local\nDATABASE_URL="${url.href}"\n`)
    const { code, output } = await start({ cwd: folder }).ended
    expect(output).toContain('DATABASE_URL is that of .dev.vars\napplied 0001_one.sql')
    expect(code).toBe(0)
    expect(await values('select name from schema_migrations')).toEqual(['0001_one.sql'])
    expect(await start({ cwd: folder, DATABASE_URL: '' }).ended).toEqual({
      code: 1,
      output: 'migrate: DATABASE_URL is empty\n',
    })
  }, 30_000)
})

test('a client of pg is a MigrationClient as it is', async () => {
  const { db, migrations } = await setUp({ '0001_one.sql': 'select 1' })
  expect(await migrate(db, { folder: migrations })).toEqual({ applied: ['0001_one.sql'] })
})

describe('two at once', () => {
  test('five started together apply each file once', async () => {
    const { run, values } = await setUp(journal)
    const all = await Promise.all(Array.from({ length: 5 }, () => run().ended))
    const output = all.map((one) => one.output).join('')
    expect(
      all.map(({ code }) => code),
      output,
    ).toEqual([0, 0, 0, 0, 0])
    expect(output.match(/^applied /gm)).toHaveLength(5)
    expect(await values('select entry from journal')).toEqual(entries)
  }, 60_000)

  test('the one that waits names the other, and does not block an index that is being built', async () => {
    const { run, db, url, values } = await setUp(journal)
    // The build waits for every transaction that may write to the table.
    const writer = await connectTo(url.href)
    const first = run()
    await first.printed('applied 0001')
    await writer.query('begin; lock table journal in row exclusive mode')
    await first.printed('applied 0003')
    const second = run()
    await second.printed('another migration is running (server process ')
    await until(async () => (await values(invalidIndexes)).length === 1)
    await writer.query('commit')
    await writer.end()
    const outputs = [await first.ended, await second.ended]
    expect(
      outputs.map(({ code }) => code),
      JSON.stringify(outputs),
    ).toEqual([0, 0])
    expect(outputs[1]?.output).toContain('waiting\nnothing to do: 5 migrations applied')
    expect((await db.query(validIndex)).rows).toEqual([{ indisvalid: true }])
  }, 30_000)
})

const finishes = async ({ run, values }: Awaited<ReturnType<typeof setUp>>) => {
  const { code, output } = await run().ended
  expect(code, output).toBe(0)
  expect(await values('select entry from journal')).toEqual(entries)
  expect(await values('select version from schema_migrations order by version')).toEqual([
    1, 2, 3, 4, 5,
  ])
  expect(await values(validIndex)).toEqual([true])
  expect(await values(invalidIndexes)).toEqual([])
}

describe('after a kill, a second run finishes the work', () => {
  test('at any moment, inside files too', async () => {
    const whole = await setUp(journal)
    const first = whole.run()
    await first.printed('applied 0001')
    const appliedAt = performance.now()
    await first.ended
    const restMs = performance.now() - appliedAt
    // The server continues a statement for a while after its client is gone.
    const statement = `select query from pg_stat_activity
      where datname = current_database() and state = 'active' and pid <> pg_backend_pid()`
    const cutOff: unknown[] = []
    for (let part = 0; part < 7; part += 1) {
      const database = await setUp(journal)
      const run = database.run()
      await run.printed('applied 0001')
      await sleep((restMs * part) / 7)
      run.kill()
      await run.ended
      cutOff.push(...(await database.values(statement)))
      await finishes(database)
    }
    expect(cutOff).toContainEqual(expect.stringContaining('pg_sleep'))
  }, 120_000)

  test('between two files', async () => {
    const database = await setUp(journal)
    for (const file of ['0001', '0002', '0003']) {
      const run = database.run()
      await Promise.race([run.printed(`applied ${file}`), run.ended])
      run.kill()
      await run.ended
    }
    await finishes(database)
  }, 60_000)

  test('in a long statement, which the server ends by itself', async () => {
    const database = await setUp({
      ...journal,
      '0002_two.sql': "insert into journal values ('two'); select pg_sleep(600);",
    })
    const run = database.run()
    await until(async () => {
      const sleeping = "select 1 from pg_stat_activity where query like 'select pg_sleep(600)%'"
      return (await database.values(sleeping)).length === 1
    })
    run.kill()
    await run.ended
    await writeFile(join(database.migrations, '0002_two.sql'), journal['0002_two.sql'])
    await finishes(database)
  }, 60_000)

  test.each([true, false])(
    'in a file outside a transaction (its server ended: %s)',
    async (ended) => {
      const database = await setUp(journal)
      const writer = await connectTo(database.url.href)
      const run = database.run()
      await run.printed('applied 0001')
      await writer.query('begin; lock table journal in row exclusive mode')
      await run.printed('applied 0003')
      await until(async () => (await database.values(invalidIndexes)).length === 1)
      run.kill()
      await run.ended
      if (ended) {
        const builder =
          "select 1 from pg_stat_activity where query like 'create index concurrently%'"
        await until(async () => (await database.values(builder)).length === 0)
        expect(await database.values(invalidIndexes)).toEqual(['journal_entry'])
      }
      // This ends the lock that the build waits for, if it still runs.
      await writer.query('commit')
      await writer.end()
      await finishes(database)
    },
    60_000,
  )

  test('between such a statement and its record', async () => {
    const database = await setUp(journal)
    const run = database.run()
    await run.printed('applied 0004')
    run.kill()
    await run.ended
    await database.db.query('delete from schema_migrations where version >= 4')
    await database.db.query("delete from journal where entry = 'five'")
    await finishes(database)
  }, 60_000)

  test('by a lost connection', async () => {
    const database = await setUp({
      ...journal,
      '0002_two.sql': "insert into journal values ('two'); select pg_sleep(3);",
    })
    const run = database.run()
    const migrator =
      "from pg_stat_activity where query like 'select pg_sleep(3)%' and pid <> pg_backend_pid()"
    await until(async () => (await database.values(`select 1 ${migrator}`)).length === 1)
    await database.values(`select pg_terminate_backend(pid) ${migrator}`)
    const { code, output } = await run.ended
    expect(code).toBe(1)
    expect(output).toMatch(/migrate: 0002_two\.sql: line 1: .*\n?.*run it again/)
    await finishes(database)
  }, 60_000)
})

describe('an index built concurrently', () => {
  const table = { '0001_one.sql': 'create table a (b int); insert into a values (1), (1);' }
  const unique = concurrently('create unique index concurrently if not exists a_b on a (b)')

  test('that fails leaves no INVALID index, and can be run again', async () => {
    const { run, db, values } = await setUp({ ...table, '0002_two.sql': unique })
    const failed = await run().ended
    expect(failed.output).toContain('0002_two.sql: line 2: could not create unique index "a_b"')
    expect(failed.code).toBe(1)
    expect(await values(invalidIndexes)).toEqual([])
    await db.query('delete from a where ctid = (select min(ctid) from a)')
    expect(await run().ended).toMatchObject({ code: 0 })
  }, 30_000)

  test('is refused if something else has its name', async () => {
    const { run, values } = await setUp({
      '0001_one.sql': 'create table a (b int); create table a_b ();',
      '0002_two.sql': unique,
    })
    const { code, output } = await run().ended
    expect(output).toContain('0002_two.sql: a has no valid index a_b now')
    expect(code).toBe(1)
    expect(await values('select max(version) from schema_migrations')).toEqual([1])
  }, 30_000)

  test('in an ordinary file is refused, and the error says what to do', async () => {
    const { run } = await setUp({
      ...table,
      '0002_two.sql': 'create index concurrently if not exists a_b on a (b);',
    })
    const { code, output } = await run().ended
    expect(output).toContain('begin it with "-- migrate: no-transaction"')
    expect(code).toBe(1)
  }, 30_000)
})

describe('production is not blocked', () => {
  test('a migration waits for a lock for 10 s, or for its own lock_timeout, and then gives up', async () => {
    const { db, run, values, migrations } = await setUp({
      '0001_one.sql': "create table a as select current_setting('lock_timeout') as lock_timeout",
    })
    await run().ended
    expect(await values('select lock_timeout from a')).toEqual(['10s'])

    await writeFile(
      join(migrations, '0002_two.sql'),
      "create table b ();\nset local lock_timeout = '100ms';\nalter table a add c int;",
    )
    await db.query('begin')
    await db.query('lock table a in access share mode')
    const { code, output } = await run().ended
    await db.query('rollback')
    expect(output).toContain('0002_two.sql: line 3: canceling statement due to lock timeout')
    expect(output).toContain('run it again')
    expect(code).toBe(1)
    expect(await values("select to_regclass('b')")).toEqual([null])
    expect(await run().ended).toMatchObject({ code: 0 })
  }, 30_000)

  test('the statement_timeout of a role does not end a migration', async () => {
    const { db, run } = await setUp({ '0001_one.sql': 'select pg_sleep(0.5)' })
    await db.query(
      `do $$ begin execute format('alter database %I set statement_timeout = 100', current_database()); end $$`,
    )
    expect(await run().ended).toMatchObject({ code: 0 })
  }, 30_000)
})

test('a file that ends its transaction unnoticed is refused and not recorded', async () => {
  // A parameter named begin, of a type named atomic, looks like the start of an SQL function's body.
  const { db, migrations, values } = await setUp({
    '0001_one.sql': `create domain atomic as int;
      create function f(begin atomic) returns int language sql as 'select 1'; commit; select 1`,
  })
  await expect(migrate(db, { folder: migrations })).rejects.toThrow(
    '0001_one.sql: it ended the transaction it runs in',
  )
  expect(await values('select name from schema_migrations')).toEqual([])
})

const runWith = async (DATABASE_URL?: string) => {
  const folder = await mkdtemp(join(tmpdir(), 'migrate-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return start({
    cwd: folder,
    PGCONNECT_TIMEOUT: '1',
    ...(DATABASE_URL === undefined ? {} : { DATABASE_URL }),
  }).ended
}

describe('a database that cannot be reached', () => {
  const secret = 'p4ss%21w0rd'
  test.each([
    ['no URL', undefined, 'DATABASE_URL is missing'],
    ['no URL at all', secret, 'is not of the form postgresql://'],
    ['another protocol', `https://u:${secret}@localhost/db`, 'is not of the form'],
    [
      'a line break at the end',
      `postgres://u:${secret}@localhost:1/db\n`,
      'must not begin or end with',
    ],
    ['a line break', `postgres://u:${secret}\n@localhost:1/db`, 'must not contain a line break'],
    ['a letter', `postgres://u:${secret}é@localhost:1/db`, 'percent-encoded'],
    ['a % in the password', `postgres://u:p4ss%21%@localhost:1/db`, 'a % itself is written %25'],
    [
      'no database',
      `postgres://u:${secret}@localhost:1`,
      'must name a user, a password, a host and',
    ],
    ['no password', 'postgres://p4ss@db.invalid/db', 'must name a password'],
    ['a password with a slash', `postgres://u:5/${secret}@localhost/db`, 'is not of the form'],
    ['a broken port', `postgres://u:${secret}@localhost:x/db`, 'is not of the form'],
    [
      'a pooled host',
      `postgres://u:${secret}@ep-a-1-pooler.eu.neon.tech/db`,
      'use the direct host, ep-a-1.eu.neon.tech',
    ],
    [
      'a certificate that is missing',
      `postgres://u:${secret}@db.invalid/db?sslrootcert=gone.pem`,
      'ENOENT',
    ],
    [
      'a pooled host as a parameter',
      `postgres://u:${secret}@c/db?host=a-pooler.b`,
      'direct host, a.b',
    ],
    ['nobody there', `postgres://u:${secret}@127.0.0.1:1/db`, 'could not connect to 127.0.0.1:1: '],
    ['an unknown host', `postgres://u:${secret}@db.invalid/db`, 'could not connect to db.invalid:'],
  ])('%s: said without the URL', async (_, url, message) => {
    const { code, output } = await runWith(url)
    expect(output).toContain(message)
    expect(output).not.toMatch(/p4ss|\n {4}at /)
    expect(code).toBe(1)
  })

  test('silent: the command gives up at the deadline', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void silent.close())
    await once(silent, 'listening')
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : undefined
    expect(await runWith(`postgres://u:${secret}@127.0.0.1:${port}/db`)).toEqual({
      code: 1,
      output: `migrate: could not connect to 127.0.0.1:${port}: no answer within 1 s\n`,
    })
  })

  test('the wrong password: the error does not repeat it', async () => {
    const url = new URL(server.connectionString)
    url.password = secret
    const { code, output } = await runWith(url.href)
    expect(output).toContain('password authentication failed for user "postgres" (28P01)')
    expect(output).not.toContain('p4ss')
    expect(code).toBe(1)
  })
})
