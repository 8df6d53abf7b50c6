import { sql } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import * as column from '../../src/db/columns.ts'
import type { Database } from '../../src/db/database.ts'
import { rowsOf, selected } from '../../src/db/rows-of.ts'
import { tables } from '../../src/db/schema.ts'
import { type Catalog, columnFaults, readCatalog } from '../rigs/catalog.ts'
import { takeTurn, testDatabase } from '../rigs/conversation.ts'
import { sentStatements } from '../rigs/sent-statements.ts'

const db = testDatabase()
let catalog: Catalog
beforeAll(async () => {
  catalog = await readCatalog(db)
})

async function faultsOf(call: (db: Database) => Promise<unknown>): Promise<string[]> {
  const statements = (await sentStatements(db, call)).flat()
  return statements.flatMap((statement) => columnFaults(statement, catalog))
}

test('schema.ts declares the tables of the database, column by column', () => {
  const declared = Object.entries(tables).flatMap(([table, columns]) =>
    Object.entries<column.Column>(columns).map(([name, of]) => {
      const { pgType, isNullable, hasDefault } = of
      return { table, column: name, pgType, isNullable, hasDefault }
    }),
  )
  const described = (columns: typeof declared) =>
    columns.map(({ table, column: name, pgType, isNullable, hasDefault }) =>
      [`${table}.${name}`, pgType, !isNullable && 'not null', hasDefault && 'default'].join(' '),
    )
  expect(described(declared).toSorted()).toEqual(described(catalog.columns).toSorted())
})

test('each type of column is read as the JavaScript value that it declares', async () => {
  const shape = z.strictObject({ a: z.array(z.number()) })
  const columns = {
    boolean: column.boolean,
    integer: column.integer,
    integers: column.integers,
    bigint: column.bigint,
    float: column.float,
    uuid: column.uuid,
    text: column.text,
    word: column.oneOf<'one'>(),
    date: column.date,
    timestamp: column.timestamp,
    json: column.json(shape),
    jsonb: column.jsonb(shape),
    nothing: column.nullable(column.text),
  }
  const query = rowsOf(columns)`
select true as boolean, 1 as integer, '{1,2}'::integer[] as integers, 9007199254740993 as bigint, 1.5::float8 as float,
  gen_random_uuid() as uuid, 'a'::text as text, 'one'::text as word, current_date as date, now() as timestamp,
  '{"a":[1]}'::json as json, '{"a":[1]}'::jsonb as jsonb, null::text as nothing`
  expect(await faultsOf((to) => to.batch([query.compile(to.kysely)]))).toEqual([])
})

test('a declared column that does not match the answer is reported', async () => {
  await takeTurn(db)
  const begun = z.strictObject({
    verdict: z.string(),
    turns: z.array(z.strictObject({ seq: z.int() })),
  })
  const columns = {
    absent: column.boolean,
    count: column.integer,
    title: column.text,
    never: column.text,
    result: column.json(begun),
  }
  const query = rowsOf(columns)`
select 1::bigint as count, title, null::text as never,
  '{"verdict":"run","reply_id":null,"turns":[{"at":1}]}'::json as result
from sessions where title is not null limit 1`
  expect(await faultsOf((to) => to.batch([query.compile(to.kysely)]))).toEqual([
    'absent is not returned',
    'count is bigint, not integer',
    'count is string "1"',
    'title may be null, as sessions.title may',
    'never is null',
    'result.turns.0.seq: Invalid input: expected number, received undefined',
    'result.turns.0: Unrecognized key: "at"',
    'result: Unrecognized key: "reply_id"',
  ])
})

test('an expression in a built query is compared too', async () => {
  const select = (of: column.Column) => (to: Database) =>
    to.kysely
      .selectFrom('sessions')
      .select(['id', selected(of, sql`count(*) over ()`, 'count')])
      .limit(1)
      .execute()
  expect(await faultsOf(select(column.bigint))).toEqual([])
  expect(await faultsOf(select(column.boolean))).toContain('count is bigint, not boolean')
})

test('raw SQL without declared columns is reported, as a statement and in a built query', async () => {
  const raw = sql<{ one: number }>`select 1 as one`
  const calls: ((to: Database) => Promise<unknown>)[] = [
    (to) => raw.execute(to.kysely),
    (to) => to.batch([raw.compile(to.kysely)]),
    (to) =>
      to.kysely
        .selectFrom('sessions')
        .select(sql<number>`1`.as('one'))
        .execute(),
    (to) =>
      to.batch([
        to.kysely
          .selectFrom('sessions')
          .select(sql<number>`1`.as('one'))
          .compile(),
      ]),
  ]
  for (const call of calls)
    expect(await faultsOf(call)).toEqual(['raw SQL that declares no columns'])
})
