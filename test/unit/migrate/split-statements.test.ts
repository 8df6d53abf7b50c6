import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitStatements } from '../../../scripts/migrate/split-statements.ts'

const texts = (sql: string): string[] => splitStatements(sql).map(({ text }) => text)

describe('a script is split where psql would split it', () => {
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

  test('each statement comes back as it was written, with its line', () => {
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
