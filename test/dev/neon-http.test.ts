import { request as httpRequest } from 'node:http'
import { createServer } from 'node:net'
import { neon, neonConfig, NeonDbError, type NeonQueryFunction } from '@neondatabase/serverless'
import { type Generated, Kysely, sql as kyselySql } from 'kysely'
import { NeonDialect } from 'kysely-neon'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { listen } from '../../scripts/dev/listen.ts'
import { startNeonHttp } from '../../scripts/dev/neon-http.ts'
import { pgBackend } from '../../scripts/dev/pg-backend.ts'
import { databaseKind, startDatabase, type TestDatabase } from '../rigs/start-database.ts'

const kind = databaseKind()
const isRealServer = kind === 'postgres'

let database: TestDatabase
let sql: NeonQueryFunction<false, false>

beforeAll(async () => {
  database = await startDatabase(kind)
  neonConfig.fetchEndpoint = database.endpoint
  sql = neon(database.connectionString)
}, 60_000)

afterAll(async () => {
  await database?.close()
})

/** The one cell of a one-cell result. */
async function cell(query: string, params: unknown[] = []): Promise<unknown> {
  const rows = await sql.query(query, params, { arrayMode: true })
  return rows[0]?.[0]
}

async function errorOf(promise: Promise<unknown>): Promise<NeonDbError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof NeonDbError) return error
  throw new Error('expected an error of the driver', { cause: error })
}

/** A request that the driver would not send. */
function post(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(database.endpoint, {
    method: 'POST',
    body,
    headers: { 'Neon-Connection-String': database.connectionString, ...headers },
  })
}

async function postJson(body: unknown, headers: Record<string, string> = {}) {
  const response = await post(JSON.stringify(body), headers)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) }
}

async function tagOf(query: string): Promise<unknown[]> {
  const { command, rowCount } = await sql.query(query, [], { fullResults: true })
  return [command, rowCount]
}

/** The status, message and code of the answer to a request with this connection string. */
async function answerTo(connectionString: string): Promise<unknown[]> {
  const { status, json } = await postJson(
    { query: 'select 1' },
    { 'Neon-Connection-String': connectionString },
  )
  return [status, json.message, json.code]
}

function loginWith(part: 'username' | 'password' | 'pathname', value: string): string {
  const url = new URL(database.connectionString)
  url[part] = value
  return url.href
}

describe('values come back as PostgreSQL has them', () => {
  test.each([
    ['true', true],
    ['false', false],
    ['32767::int2', 32767],
    ['-2147483647::int4', -2147483647],
    ['9007199254740993::int8', '9007199254740993'],
    ['12345678901234567890.123456789::numeric', '12345678901234567890.123456789'],
    ['1.5::float4', 1.5],
    ['0.1::float8', 0.1],
    [`'NaN'::float8`, NaN],
    [`'Infinity'::float8`, Infinity],
    [`'-Infinity'::float4`, -Infinity],
    [`''`, ''],
    [`'a "quoted" \\ line' || chr(10) || 'é 🙂 \u2028'`, 'a "quoted" \\ line\né 🙂 \u2028'],
    ['null::text', null],
    [`'2024-02-29 12:34:56.789+02'::timestamptz`, new Date('2024-02-29T10:34:56.789Z')],
    [`'018f4e5e-0000-7000-8000-000000000000'::uuid`, '018f4e5e-0000-7000-8000-000000000000'],
    [`'{"a": "\\"\\\\ \\u00e9", "b": [1, null, ""]}'::jsonb`, { a: '"\\ é', b: [1, null, ''] }],
    [`'{"a":1.50}'::json`, { a: 1.5 }],
    [`'null'::jsonb`, null],
    [`'"text"'::jsonb`, 'text'],
    [`'\\x00ff5c22'::bytea`, Buffer.from([0, 255, 92, 34])],
    ['array[1, null, 3]', [1, null, 3]],
    [
      `array['a', null, 'NULL', '', 'b "c"', 'd\\e', '{f,g}']`,
      ['a', null, 'NULL', '', 'b "c"', 'd\\e', '{f,g}'],
    ],
    [
      'array[[1, 2], [3, 4]]',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['array[]::text[]', []],
    ['array[true, false]', [true, false]],
    [`array['{"a": 1}'::jsonb]`, [{ a: 1 }]],
  ])('%s', async (expression, expected) => {
    expect(await cell(`select ${expression}`)).toEqual(expected)
  })

  test('a date is local midnight, an interval its parts', async () => {
    expect(await cell(`select '2024-02-29'::date`)).toEqual(new Date(2024, 1, 29))
    expect(await cell(`select '1 day 02:03:04.5'::interval`)).toMatchObject({
      days: 1,
      hours: 2,
      minutes: 3,
      seconds: 4,
      milliseconds: 500,
    })
  })
})

describe('parameters are bound as text, of the type that the statement wants', () => {
  test.each([
    ['$1::text', 'O\'Reilly "\\" é 🙂', 'O\'Reilly "\\" é 🙂'],
    ['$1::text', '', ''],
    ['$1::text', '\ufeffa\ufeff', '\ufeffa\ufeff'],
    ['$1::text', null, null],
    ['$1::text', undefined, null],
    ['$1::bool', true, true],
    ['$1::int + 1', 41, 42],
    ['$1::float8', 0.1, 0.1],
    ['$1::int8', 9007199254740993n, '9007199254740993'],
    ['$1::timestamptz', new Date('2024-02-29T10:34:56.789Z'), new Date('2024-02-29T10:34:56.789Z')],
    ['$1::jsonb', { a: [1, 'é"\\'] }, { a: [1, 'é"\\'] }],
    ['$1::text[]', ['a', null, 'b "c" \\', ''], ['a', null, 'b "c" \\', '']],
    [
      '$1::int[]',
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['$1::bytea', Buffer.from([0, 1, 255]), Buffer.from([0, 1, 255])],
  ])('%s of %o', async (expression, param, expected) => {
    expect(await cell(`select ${expression}`, [param])).toEqual(expected)
  })

  test('JSON that is not a string becomes a literal, with every digit of a number', async () => {
    const params = `[9007199254740993, true, {"a":1.50}, [1,null,"b \\"c\\"",[]], [{"d":"e"}]]`
    const response = await post(
      `{"query":"select $1::int8 a, $2::bool b, $3::json c, $4::text d, $5::text e","params":${params}}`,
      { 'Neon-Raw-Text-Output': 'true' },
    )
    expect(await response.json()).toMatchObject({
      rows: [
        {
          a: '9007199254740993',
          b: 't',
          c: '{"a":1.50}',
          d: '{1,NULL,"b \\"c\\"",{}}',
          e: '{"{\\"d\\":\\"e\\"}"}',
        },
      ],
    })
  })
})

describe('the shape of a result', () => {
  test('rows are objects, or arrays in array mode', async () => {
    expect(await sql.query('select 1 a, 2 b')).toEqual([{ a: 1, b: 2 }])
    expect(await sql.query('select 1 a, 2 a', [], { arrayMode: true })).toEqual([[1, 2]])
  })

  test('full results name the fields, the command and the number of rows', async () => {
    await database.exec('drop table if exists shape; create table shape (a int, b varchar(9))')
    const oid = await cell(`select 'shape'::regclass::oid::int8::text`)
    const result = await sql.query('select b, a from shape', [], { fullResults: true })
    expect(result).toMatchObject({ command: 'SELECT', rowCount: 0, rows: [], rowAsArray: false })
    expect(result.fields).toEqual([
      {
        name: 'b',
        dataTypeID: 1043,
        tableID: Number(oid),
        columnID: 2,
        dataTypeSize: -1,
        dataTypeModifier: 13,
        format: 'text',
      },
      {
        name: 'a',
        dataTypeID: 23,
        tableID: Number(oid),
        columnID: 1,
        dataTypeSize: 4,
        dataTypeModifier: -1,
        format: 'text',
      },
    ])
  })

  test('command and row count are those of the command tag', async () => {
    await database.exec('drop table if exists tags')
    expect(await tagOf('create table tags (a int primary key)')).toEqual(['CREATE', null])
    expect(await tagOf('insert into tags select generate_series(1, 3)')).toEqual(['INSERT', 3])
    expect(await tagOf('insert into tags values (4) returning a')).toEqual(['INSERT', 1])
    expect(await tagOf('update tags set a = a + 10 where a > 1')).toEqual(['UPDATE', 3])
    expect(await tagOf('update tags set a = a where false')).toEqual(['UPDATE', 0])
    expect(await tagOf('delete from tags where a > 13')).toEqual(['DELETE', 1])
    expect(
      await tagOf(
        'merge into tags using (values (1), (2)) v(a) on v.a = tags.a ' +
          'when matched then delete when not matched then insert values (v.a)',
      ),
    ).toEqual(['MERGE', 2])
    expect(await tagOf('select * from tags')).toEqual(['SELECT', 3])
    expect(await tagOf('create table tags2 as select * from tags')).toEqual(['SELECT', 3])
    expect(await tagOf('set work_mem = 4096')).toEqual(['SET', null])
    expect(await tagOf('drop table tags, tags2')).toEqual(['DROP', null])
    expect(await tagOf('')).toEqual(['', null])
  })

  test('without raw text, cells are JSON, and json cells are unchanged', async () => {
    const { text, json } = await postJson({
      query: `select true b, 1::int2 i, 2::int8 l, 1.5::float8 f, 'NaN'::float4 n, '{"x":1.50}'::json j,
        array[[1, null]] a, array['a "b" \\', 'NULL', null, ''] t, '{}'::int[] e, '[0:1]={1,2}'::int[] z`,
    })
    expect(json.rows).toEqual([
      {
        b: true,
        i: 1,
        l: '2',
        f: 1.5,
        n: 'NaN',
        j: { x: 1.5 },
        a: [[1, null]],
        t: ['a "b" \\', 'NULL', null, ''],
        e: [],
        z: [1, 2],
      },
    ])
    expect(text).toContain('"j":{"x":1.50}')
  })

  test('a single query may request array mode', async () => {
    const { json } = await postJson({ query: 'select 1 a', arrayMode: true })
    expect(json).toMatchObject({ rowAsArray: true, rows: [[1]] })
  })
})

describe('an error has every field of PostgreSQL', () => {
  test('a unique violation names table, schema, constraint and the key', async () => {
    await database.exec(
      'drop table if exists once; create table once (a int constraint once_a unique)',
    )
    await sql`insert into once values (1)`
    expect(await errorOf(sql`insert into once values (1)`)).toMatchObject({
      message: 'duplicate key value violates unique constraint "once_a"',
      severity: 'ERROR',
      code: '23505',
      detail: 'Key (a)=(1) already exists.',
      schema: 'public',
      table: 'once',
      constraint: 'once_a',
      routine: '_bt_check_unique',
      position: undefined,
    })
  })

  test('a syntax error has its position as a string', async () => {
    const error = await errorOf(sql.query('select * from from'))
    expect(error).toMatchObject({ code: '42601', position: '15' })
    expect(error.line).toMatch(/^\d+$/u)
  })

  test('RAISE passes on hint, detail, where, and the fields of its own', async () => {
    const raise = `do $$ begin raise exception 'no' using errcode = 'ZZ001', hint = 'try',
      detail = 'because', column = 'c', datatype = 'd'; end $$`
    expect(await errorOf(sql.query(raise))).toMatchObject({
      message: 'no',
      code: 'ZZ001',
      hint: 'try',
      detail: 'because',
      column: 'c',
      dataType: 'd',
      where: expect.stringContaining('PL/pgSQL'),
    })
  })

  test('an error inside a function has the internal position and query', async () => {
    const error = await errorOf(sql.query(`do $$ begin perform no_such_column; end $$`))
    expect(error).toMatchObject({
      code: '42703',
      internalPosition: '8',
      internalQuery: 'SELECT no_such_column',
    })
  })

  test('absent fields are null in the JSON', async () => {
    const { status, json } = await postJson({ query: 'select 1/0' })
    expect(status).toBe(400)
    expect(Object.keys(json).toSorted()).toEqual(
      'message code detail hint position internalPosition internalQuery severity where table column schema dataType constraint file line routine'
        .split(' ')
        .toSorted(),
    )
    expect(json).toMatchObject({ code: '22012', hint: null, constraint: null })
  })

  test('two statements in one query are refused', async () => {
    expect(await errorOf(sql.query('select 1; select 2'))).toMatchObject({ code: '42601' })
  })

  test('a wrong number of parameters is refused', async () => {
    expect(await errorOf(sql.query('select $1::int', [1, 2]))).toMatchObject({ code: '08P01' })
  })

  test('COPY FROM STDIN is refused, and the endpoint serves the next request', async () => {
    await database.exec('drop table if exists copied; create table copied (a int)')
    expect(await errorOf(sql.query('copy copied from stdin'))).toMatchObject({ code: '57014' })
    expect(await cell('select 1')).toBe(1)
  })
})

describe('a batch is one transaction', () => {
  beforeEach(() => database.exec('drop table if exists batch; create table batch (a int unique)'))

  test('its results come in order', async () => {
    const queries = [
      sql`insert into batch values (1), (2)`,
      sql`select a from batch order by a`,
      sql`select count(*) n from batch`,
    ]
    expect(await sql.transaction(queries, { arrayMode: true, fullResults: true })).toMatchObject([
      { command: 'INSERT', rowCount: 2, rows: [] },
      { command: 'SELECT', rowCount: 2, rows: [[1], [2]] },
      { command: 'SELECT', rowCount: 1, rows: [['2']] },
    ])
  })

  test('a later statement sees an earlier one, and all share one transaction id', async () => {
    const [first, second] = await sql.transaction([
      sql`select pg_current_xact_id()::text id`,
      sql`select pg_current_xact_id()::text id`,
    ])
    expect(first).toEqual(second)
  })

  test('the first error rolls back everything', async () => {
    const attempt = sql.transaction([
      sql`insert into batch values (1)`,
      sql`insert into batch values (1)`,
      sql`insert into batch values (2)`,
    ])
    expect(await errorOf(attempt)).toMatchObject({ code: '23505', constraint: 'batch_a_key' })
    expect(await sql`select * from batch`).toEqual([])
  })

  test('an error of COMMIT rolls back and is reported', async () => {
    await database.exec(
      'alter table batch add constraint later unique (a) deferrable initially deferred',
    )
    await database.exec('alter table batch drop constraint batch_a_key')
    const attempt = sql.transaction([
      sql`insert into batch values (1)`,
      sql`insert into batch values (1)`,
    ])
    expect(await errorOf(attempt)).toMatchObject({ code: '23505', constraint: 'later' })
    expect(await sql`select * from batch`).toEqual([])
  })

  test('an empty batch has no results', async () => {
    expect(await sql.transaction([])).toEqual([])
  })

  test.each([
    ['ReadUncommitted', 'read uncommitted'],
    ['ReadCommitted', 'read committed'],
    ['RepeatableRead', 'repeatable read'],
    ['Serializable', 'serializable'],
  ] as const)('isolation level %s', async (isolationLevel, shown) => {
    const [rows] = await sql.transaction([sql`show transaction_isolation`], { isolationLevel })
    expect(rows).toEqual([{ transaction_isolation: shown }])
  })

  test('read-only and deferrable', async () => {
    const show = [sql`show transaction_read_only`, sql`show transaction_deferrable`]
    const options = { isolationLevel: 'Serializable', readOnly: true, deferrable: true } as const
    expect(await sql.transaction(show, options)).toEqual([
      [{ transaction_read_only: 'on' }],
      [{ transaction_deferrable: 'on' }],
    ])
    expect(await sql.transaction(show, { readOnly: false, deferrable: false })).toEqual([
      [{ transaction_read_only: 'off' }],
      [{ transaction_deferrable: 'off' }],
    ])
    const write = sql.transaction([sql`insert into batch values (1)`], { readOnly: true })
    expect(await errorOf(write)).toMatchObject({ code: '25006' })
  })

  test('its answer repeats the headers; a single query ignores them', async () => {
    const headers = {
      'Neon-Batch-Isolation-Level': 'Serializable',
      'Neon-Batch-Read-Only': 'true',
      'Neon-Batch-Deferrable': 'true',
    }
    const query = { query: 'show transaction_isolation' }
    const batch = await postJson({ queries: [query] }, headers)
    expect(Object.fromEntries(batch.headers)).toMatchObject({
      'neon-batch-isolation-level': 'Serializable',
      'neon-batch-read-only': 'true',
      'neon-batch-deferrable': 'true',
      'access-control-allow-origin': '*',
    })
    const single = await postJson(query, headers)
    expect(single.json.rows).toEqual([{ transaction_isolation: 'read committed' }])
    expect(single.headers.has('neon-batch-isolation-level')).toBe(false)
  })

  test('an unknown isolation level is refused', async () => {
    const { status, json } = await postJson(
      { queries: [] },
      { 'Neon-Batch-Isolation-Level': 'Chaos' },
    )
    expect([status, json.message]).toEqual([400, 'invalid isolation level'])
  })

  test('of fifty batches at once, each sees only its own work, and none is lost', async () => {
    await sql`insert into batch values (0)`
    const batches = Array.from({ length: 50 }, () =>
      sql.transaction([
        sql`select pg_advisory_xact_lock(7)`,
        sql`select max(a) a from batch`,
        sql`insert into batch select max(a) + 1 from batch`,
        sql`select max(a) a from batch`,
      ]),
    )
    const numbers = (await Promise.all(batches)).map(([, before, , after]) => {
      const [first, last] = [before, after].map((rows) => Number(rows?.[0]?.['a']))
      expect(last).toBe(Number(first) + 1)
      return last
    })
    expect(new Set(numbers).size).toBe(50)
    expect(await cell('select max(a) from batch')).toBe(50)
  })
})

describe('the endpoint itself refuses', () => {
  test.each([
    ['malformed JSON', '{'],
    ['an empty body', ''],
    ['neither query nor queries', '{"sql":"select 1"}'],
    ['a query that is not a string', '{"query":1}'],
    ['params that are not an array', '{"query":"select 1","params":{}}'],
    ['params that are null', '{"query":"select 1","params":null}'],
    ['a byte order mark', '\uFEFF{"query":"select 1"}'],
    ['a lone surrogate in a param', '{"query":"select $1","params":["\\ud800"]}'],
    ['a lone surrogate deep in a param', '{"query":"select $1","params":[{"a":["\\udc00"]}]}'],
    ['a lone surrogate in a key', '{"query":"select $1","params":[{"\\ud83d":1}]}'],
    ['a lone surrogate in the query', '{"query":"select \'\\ud83d\'"}'],
    ['a NUL in the query', '{"query":"select 1\\u0000"}'],
    [
      '200,000 nested arrays',
      `{"query":"select $1","params":[${'['.repeat(200_000)}${']'.repeat(200_000)}]}`,
    ],
    ['bytes that are not UTF-8', Uint8Array.from([0x22, 0xff, 0x22])],
  ])('%s', async (_, body) => {
    const response = await post(body)
    const answer = await response.text()
    expect(response.status, answer).toBe(400)
    expect(JSON.parse(answer)).toMatchObject({
      message: expect.stringContaining('could not parse the HTTP request body'),
      code: '',
      severity: '',
      detail: null,
    })
  })

  test('the database refuses a NUL in a param', async () => {
    expect(await errorOf(sql`select ${'a\0b'}::text`)).toMatchObject({ code: '22021' })
  })

  test('more parameters than the protocol counts', async () => {
    const { status, json } = await postJson({ query: 'select 1', params: Array(65_536).fill('1') })
    expect(status).toBe(400)
    expect(json.message).toContain('could not parse the HTTP request body')
  })

  test('the body is read as JSON, whatever its content type is', async () => {
    const response = await post('{"query":"select 1 a"}', {
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(await response.json()).toMatchObject({ rows: [{ a: 1 }] })
  })

  test('a request over 10 MiB', async () => {
    const { status, json } = await postJson({
      query: 'select 1',
      params: ['x'.repeat(10 * 2 ** 20)],
    })
    expect([status, json.message]).toEqual([413, 'request is too large (max is 10485760 bytes)'])
  })

  test('a response over 10 MiB, and rolls back its batch', async () => {
    await database.exec('drop table if exists large; create table large (a int)')
    const megabytes = (count: number) =>
      sql`select repeat('x', 1048576) from generate_series(1, ${count})`
    expect(await megabytes(9)).toHaveLength(9)
    const error = await errorOf(megabytes(10))
    expect(error.message).toContain('HTTP status 507')
    expect(error.message).toContain('response is too large (max is 10485760 bytes)')
    const batch = sql.transaction([sql`insert into large values (1)`, megabytes(5), megabytes(5)])
    expect((await errorOf(batch)).message).toContain('507')
    expect(await sql`select * from large`).toEqual([])
  })

  test('any other path or method', async () => {
    const base = new URL('/', database.endpoint)
    for (const [path, method] of [
      ['/sql', 'GET'],
      ['/sql', 'OPTIONS'],
      ['/sql2', 'POST'],
      ['/', 'POST'],
    ] as const) {
      const response = await fetch(new URL(path, base), { method })
      expect([response.status, await response.json()]).toEqual([400, 'query is not supported'])
      expect(response.headers.get('access-control-allow-headers')).toBeNull()
    }
    const health = await fetch(base)
    expect([health.status, await health.text()]).toEqual([
      200,
      expect.stringContaining('neon-chat-history'),
    ])
  })
})

describe('the connection string is the credential', () => {
  test('a request without one is refused', async () => {
    const response = await fetch(database.endpoint, {
      method: 'POST',
      body: '{"query":"select 1"}',
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      message: 'invalid header: neon-connection-string',
    })
  })

  test('a malformed one is refused, and the error does not quote it', async () => {
    expect(await answerTo('secret')).toEqual([400, 'invalid connection string: not a URL', ''])
    expect(await answerTo('https://u:secret@h/d')).toEqual([400, 'incorrect scheme', ''])
    expect(await answerTo('postgres://u:%ff@h/d')).toEqual([
      400,
      'invalid connection string: malformed percent-encoding',
      '',
    ])
    expect(await answerTo('postgres://u:p@h')).toEqual([400, 'invalid database name', ''])
    expect(await answerTo('postgres://h/d')).toEqual([400, 'missing username', ''])
    expect(await answerTo('postgres://u@h/d')).toEqual([
      400,
      'missing authentication credentials: required password',
      '',
    ])
  })

  test('another password or user is refused, another database does not exist', async () => {
    expect(await answerTo(loginWith('password', 'wrong'))).toEqual([
      400,
      `password authentication failed for user 'postgres'`,
      '',
    ])
    expect(await answerTo(loginWith('username', 'eve'))).toEqual([
      400,
      `password authentication failed for user 'eve'`,
      '',
    ])
    expect(await answerTo(loginWith('pathname', '/other'))).toEqual([
      500,
      'database "other" does not exist',
      '3D000',
    ])
  })

  test("postgresql:// and the driver's parameters are accepted", async () => {
    const url = `${database.connectionString.replace('postgres:', 'postgresql:')}?sslmode=require`
    expect((await answerTo(url))[0]).toBe(200)
  })
})

describe('clients that leave and databases that fail', () => {
  test('a client that disconnects in mid-query does not disturb the next request', async () => {
    await database.exec('drop table if exists left_alone; create table left_alone (a int)')
    const leave = () =>
      new Promise<void>((resolve) => {
        const request = httpRequest(database.endpoint, {
          method: 'POST',
          headers: { 'Neon-Connection-String': database.connectionString },
        })
        request.on('error', () => undefined)
        request.on('close', resolve)
        const queries = ['insert into left_alone values (1)', 'select pg_sleep(0.5)', 'select 1']
        request.end(JSON.stringify({ queries: queries.map((query) => ({ query })) }), () => {
          setTimeout(() => request.destroy(), 50)
        })
      })
    await Promise.all(Array.from({ length: 3 }, leave))
    expect(await cell('select 42')).toBe(42)
    // A statement of PGlite cannot be cancelled: it finishes a batch that has begun.
    if (isRealServer) expect(await cell('select count(*) from left_alone')).toBe('0')
  })

  test('no connection to the database is a 500 that says nothing ran', async () => {
    const listener = createServer()
    const port = await listen(listener)
    await new Promise((closed) => listener.close(closed))
    const backend = pgBackend({ connectionString: `postgres://u:p@127.0.0.1:${port}/d` })
    const endpoint = await startNeonHttp({ backend })
    try {
      const response = await fetch(endpoint.url, {
        method: 'POST',
        body: '{"query":"select 1"}',
        headers: { 'Neon-Connection-String': 'postgres://u:p@h/d' },
      })
      expect(response.status).toBe(500)
      expect(await response.json()).toMatchObject({
        message: "Couldn't connect to compute node",
        code: '',
      })
    } finally {
      await endpoint.close()
      await backend.close()
    }
  })
})

describe('Kysely with the Neon dialect', () => {
  interface Schema {
    pets: { id: Generated<number>; name: string; tags: string[] | null }
  }

  test('inserts, returns and counts', async () => {
    await database.exec(
      'drop table if exists pets; create table pets (id int generated always as identity, name text, tags text[])',
    )
    const db = new Kysely<Schema>({
      dialect: new NeonDialect({ neon: neon(database.connectionString) }),
    })
    const pets = [
      { name: 'Rex', tags: ['a "b"'] },
      { name: 'Tom', tags: null },
    ]
    expect(
      await db.insertInto('pets').values(pets).returning(['id', 'name', 'tags']).execute(),
    ).toEqual([
      { id: 1, ...pets[0] },
      { id: 2, ...pets[1] },
    ])
    const inserted = await db.insertInto('pets').values({ name: 'Ida' }).executeTakeFirst()
    expect(inserted.numInsertedOrUpdatedRows).toBe(1n)
    const updated = await db
      .updateTable('pets')
      .set({ name: 'X' })
      .where('id', '>', 1)
      .executeTakeFirst()
    expect(updated.numUpdatedRows).toBe(2n)
    const deleted = await db.deleteFrom('pets').where('id', '=', 99).executeTakeFirst()
    expect(deleted.numDeletedRows).toBe(0n)
    const { rows } = await kyselySql<{ n: string }>`select count(*) n from pets`.execute(db)
    expect(rows).toEqual([{ n: '3' }])
  })
})
