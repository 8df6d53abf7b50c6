import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readMigrations } from '../../../scripts/migrate/migration-files.ts'
import { pendingMigrations } from '../../../scripts/migrate/pending-migrations.ts'
import { folderOf } from '../../rigs/folder-of.ts'

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
    ['an unrepeatable statement', '0002_two.sql', 'vacuum', 'holds one statement', true],
    ['two statements', '0002_two.sql', `${concurrently}; select 1`, 'holds one statement', true],
    [
      'an index without "if not exists"',
      '0002_two.sql',
      'create index concurrently i on a (b)',
      'holds one statement',
      true,
    ],
    [
      'an index that blocks writes',
      '0002_two.sql',
      'create index if not exists i on a (b)',
      'holds one statement',
      true,
    ],
    [
      'a comment before the index',
      '0002_two.sql',
      `comment on table a is 'b'; ${concurrently}`,
      'holds one statement',
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

test('different line ends are the same migration', async () => {
  const [unix] = await readMigrations(await folderOf({ '0001_one.sql': "select '\n'" }))
  const [windows] = await readMigrations(await folderOf({ '0001_one.sql': "select '\r\n'" }))
  expect(windows).toEqual(unix)
})

test('savepoints and procedure bodies do not end the transaction', async () => {
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
