import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { baseline, migrate, migrationStatus } from '../scripts/migrate/migrate.ts'
import { readMigrations } from '../scripts/migrate/migration-files.ts'
import { pendingMigrations } from '../scripts/migrate/pending-migrations.ts'
import { splitStatements } from '../scripts/migrate/split-statements.ts'

async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  return folder
}

const texts = (sql: string): string[] => splitStatements(sql).map(({ text }) => text)

describe('a script is cut where psql would cut it', () => {
  test.each([
    ['nothing', '', 0],
    ['comments and empty statements', ' -- a;\n/* b; */;;', 0],
    ['no final semicolon', 'select 1; select 2', 2],
    ['a quote', "select 'a;''b;'; select 2", 2],
    ['a backslash in an ordinary quote', String.raw`select '\'; select 2`, 2],
    ['a backslash in an escape quote', String.raw`select e'\';'; select 2`, 2],
    ['a quoted identifier', 'create table "a;""b;" (); select 2', 2],
    ['a nested comment', 'select 1 /* ; /* ; */ ; */; select 2', 2],
    ['a comment at the end', 'select 1 -- ; no\n; select 2', 2],
    ['a dollar quote', "do $$ begin perform ';'; commit; end $$; select 2", 2],
    ['a tagged dollar quote', 'do $a$ select $$;$$; $b$; $a$; select 2', 2],
    ['a dollar sign in a name', 'select a$b$c; select d$b$', 2],
    ['a parameter', 'prepare p as select $1; select 2', 2],
    ['a rule', 'create rule r as on insert to a do also (select 1; select 2); select 2', 2],
    [
      'the body of an SQL function',
      'create or replace function f() returns int begin atomic select 1; select case when true then 2 end; end; select 2',
      2,
    ],
    ['a column called begin', 'select 1 as begin; select atomic from a; end', 3],
  ])('%s', (_, sql, statements) => {
    expect(texts(sql)).toHaveLength(statements)
  })

  test('whatever the pieces, each statement comes back as it was written, with its line', () => {
    const piece = fc.constantFrom(
      "'a;''\n'",
      String.raw`e'\';'`,
      '"b;"',
      '$x$;$$;\n$x$',
      '(1;2)',
      '/* ;/*;*/ */',
      "-- ;'\n",
      '€',
      '\n',
      '$1',
      'case',
      'end',
      '::',
    )
    const statement = fc.array(piece).map((pieces) => ['select', ...pieces, 'x'].join(' '))
    fc.assert(
      fc.property(fc.array(statement), (statements) => {
        const sql = statements.map((text) => `${text};\n`).join('')
        const lines = statements.map((_, index) => {
          const before = statements.slice(0, index).map((text) => `${text};\n`)
          return before.join('').split('\n').length
        })
        const found = splitStatements(sql)
        expect(found.map(({ text }) => text)).toEqual(statements)
        expect(found.map(({ line }) => line)).toEqual(lines)
      }),
    )
  })
})

describe('a file that cannot be a migration is refused by name', () => {
  const concurrently = 'create index concurrently if not exists a_b on a (b)'
  test.each([
    ['a name with capitals', '0002_Two.sql', 'select 1', 'is not named'],
    ['a name without a number', 'two.sql', 'select 1', 'is not named'],
    ['a copy of an editor', '0002_two.sql.bak', 'select 1', 'is not named'],
    ['the number 0000', '0000_zero.sql', 'select 1', 'numbers start at 0001'],
    ['a number used twice', '0001_uno.sql', 'select 1', 'has the same number as 0001_one.sql'],
    ['an empty file', '0002_two.sql', '', 'is empty'],
    ['a file with comments only', '0002_two.sql', '-- select 1', 'is empty'],
    ['a byte order mark', '0002_two.sql', '\ufeffselect 1', 'byte order mark'],
    ['a NUL', '0002_two.sql', "select '\0'", 'NUL'],
    ['other than UTF-8', '0002_two.sql', Uint8Array.of(0x2d, 0x2d, 0xff), 'is not UTF-8'],
    ['a quote without an end', '0002_two.sql', "select 1;\nselect '", "line 2: the quote '"],
    ['a comment without an end', '0002_two.sql', 'select 1 /* /* */', 'line 1: the comment /*'],
    ['a dollar quote without an end', '0002_two.sql', '\n\ndo $a$ $$', 'line 3: the quote $a$'],
    ['a commit', '0002_two.sql', 'select 1;\n/* so */ COMMIT', 'line 2: "commit"'],
    ['a begin', '0002_two.sql', 'begin; select 1', 'line 1: "begin"'],
    ['a rollback', '0002_two.sql', 'rollback and chain', 'line 1: "rollback and chain"'],
    ['input for copy', '0002_two.sql', 'copy a (b) from stdin', 'copy from stdin'],
    [
      'an unknown directive',
      '0002_two.sql',
      '-- migrate: notransaction\nselect 1',
      'its first line',
    ],
    ['an unrepeatable statement', '0002_two.sql', 'vacuum', 'exactly one statement', true],
    ['two statements', '0002_two.sql', `${concurrently}; select 1`, 'exactly one', true],
    [
      'an index without "if not exists"',
      '0002_two.sql',
      'create index concurrently i on a (b)',
      'exactly one',
      true,
    ],
    [
      'an index that blocks writes',
      '0002_two.sql',
      'create index if not exists i on a (b)',
      'exactly one',
      true,
    ],
  ])('%s', async (_, name, content, message, outside = false) => {
    const text = outside ? `-- migrate: no-transaction\n${String(content)};` : content
    const folder = await folderOf({ '0001_one.sql': 'select 1', [name]: text })
    const reading = readMigrations(folder)
    await expect(reading).rejects.toThrow(`${name}: `)
    await expect(reading).rejects.toThrow(message)
  })

  test('one that cannot be read', async () => {
    const folder = await folderOf({ '0001_one.sql': 'select 1' })
    await symlink('nowhere', join(folder, '0002_link.sql'))
    await mkdir(join(folder, '0003_folder.sql'))
    await expect(readMigrations(folder)).rejects.toThrow(
      '0002_link.sql: cannot be read (ENOENT)\n0003_folder.sql: cannot be read (EISDIR)',
    )
  })

  test('a folder that is missing or empty', async () => {
    const folder = await folderOf({ 'README.md': '', '.gitkeep': '' })
    await expect(readMigrations(folder)).rejects.toThrow('no migrations')
    await expect(readMigrations(join(folder, 'gone'))).rejects.toThrow('cannot be read (ENOENT)')
  })
})

test('line ends do not make another migration', async () => {
  const [unix] = await readMigrations(await folderOf({ '0001_one.sql': "select '\n'" }))
  const [windows] = await readMigrations(await folderOf({ '0001_one.sql': "select '\r\n'" }))
  expect(windows).toEqual(unix)
})

test('savepoints and the bodies of procedures are no end of the transaction', async () => {
  const folder = await folderOf({
    '0001_one.sql': `savepoint a; rollback to a; rollback work to savepoint a; release a;
      create procedure p() language plpgsql as $$ begin commit; end $$;
      create function f() returns int language sql begin atomic select 1; end;`,
  })
  await expect(readMigrations(folder)).resolves.toHaveLength(1)
})

const file = (version: number, name = 'a', sha256 = 'x') => ({
  version,
  name: `000${version}_${name}.sql`,
  sha256,
  statements: [],
})

describe('applied files are history', () => {
  test.each([
    ['edited', [file(1), file(2)], [file(1, 'a', 'y')], '0001_a.sql: was edited'],
    ['renamed', [file(1, 'b')], [file(1)], '0001_b.sql: was applied as 0001_a.sql'],
    ['missing at the end', [file(1)], [file(1), file(2)], '0002_a.sql: was applied, but the file'],
    ['missing between', [file(1), file(3)], [file(1), file(2)], '0002_a.sql: was applied, but'],
    ['never there', [file(1), file(3)], [file(1)], '0002_….sql: is missing before 0003_a.sql'],
    ['not starting at 0001', [file(2)], [], '0001_….sql: is missing before 0002_a.sql'],
    [
      'out of order',
      [file(1), file(2), file(3)],
      [file(1), file(3)],
      '0002_a.sql: is out of order',
    ],
  ])('%s: refused by name', (_, files, records, message) => {
    expect(() => pendingMigrations(files, records)).toThrow(message)
  })

  test('every wrong file is named at once', () => {
    expect(() => pendingMigrations([file(1, 'b'), file(3)], [file(1), file(2)])).toThrow(
      /0001_b\.sql.*\n.*0002_a\.sql/,
    )
  })
})

describe('over PGlite', () => {
  let db: PGlite
  beforeAll(async () => {
    db = await PGlite.create()
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

  test('every column of the records says why it is there', async () => {
    await migrate(db, { folder: await folderOf({ '0001_one.sql': 'select 1' }) })
    const comments = await values(
      `select col_description(attrelid, attnum) from pg_attribute
       where attrelid = 'schema_migrations'::regclass and attnum > 0`,
    )
    expect(comments).toEqual(Array.from({ length: 4 }, () => expect.stringContaining(' ')))
  })

  test('a file that fails leaves nothing of itself and all that came before it', async () => {
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

  test('what a file sets in its session is gone for the next one and for the caller', async () => {
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

  test('a dry run runs what is pending, in order, and keeps nothing', async () => {
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

  test('a baseline records files without running them, and only where nothing is recorded', async () => {
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

  test('the status lists what is applied and pending, and changes nothing', async () => {
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

  test('an index built concurrently is there and recorded, whatever its names look like', async () => {
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
})
