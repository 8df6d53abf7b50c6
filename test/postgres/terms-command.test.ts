import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { startPostgresServer } from '../../scripts/dev/postgres-server.ts'
import { migrate } from '../../scripts/migrate/migrate.ts'
import type { MigrationClient } from '../../scripts/migrate/migration-client.ts'
import { fillTerms } from '../../scripts/terms/fill-terms.ts'
import { queryTerms, turnTerms } from '../../src/turn/recall/terms.ts'

const command = join(import.meta.dirname, '../../scripts/terms.ts')

let server: Awaited<ReturnType<typeof startPostgresServer>>
let db: Client
beforeAll(async () => {
  server = await startPostgresServer()
  db = await connectTo(server.connectionString)
  await migrate(db, { folder: 'migrations' })
}, 60_000)
afterAll(async () => {
  await db.end()
  await server.stop()
})
beforeEach(async () => {
  await db.query('truncate sessions cascade')
})

async function connectTo(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function values(sql: string, params: unknown[] = []): Promise<unknown[]> {
  const { rows } = await db.query<unknown[]>({ text: sql, values: params, rowMode: 'array' })
  return rows.map(([value]) => value)
}

const withTerms = async () => Number((await values('select count(terms) from messages'))[0])

interface OldTurn {
  message: string
  contextText?: string
  reply: string
  status?: string
}

/** Stores a session as a Worker did that knew no terms. */
async function storeSession(turns: readonly OldTurn[]): Promise<string> {
  const [sessionId] = await values(
    `insert into sessions (id, user_id, next_seq) values (gen_random_uuid(), 'visitor:old', $1) returning id`,
    [2 * turns.length + 1],
  )
  await db.query(
    `insert into messages (session_id, id, seq, role, status, content, context_text, token_count, reply_to, finish_reason,
      turn_tokens, turn_tokens_bound, turn_tokens_exact, stop_requested, lease, lease_expires_at)
    select $1::uuid, gen_random_uuid(), 2 * place - 1, 'user', 'complete', turn->>'message', turn->>'contextText', 9,
      null::integer, null, null::integer, null::integer, null::boolean, null::boolean, null::uuid, null::timestamptz
    from json_array_elements($2::json) with ordinality as t (turn, place)
    union all
    select $1::uuid, gen_random_uuid(), 2 * place, 'assistant', coalesce(turn->>'status', 'complete'), turn->>'reply', null, 9,
      2 * place - 1, 'stop', 18, 18, false, false, gen_random_uuid(), now()
    from json_array_elements($2::json) with ordinality as t (turn, place)`,
    [sessionId, JSON.stringify(turns)],
  )
  return String(sessionId)
}

const manyTurns = (count: number): OldTurn[] =>
  Array.from({ length: count }, (_, turn) => ({
    message: `message ${turn}`,
    reply: `reply ${turn}`,
  }))

/** Starts the command; `ended` resolves with all that it printed. */
function start(args: string[] = [], connectionString = server.connectionString) {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH, DATABASE_URL: connectionString },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = once(child, 'close').then(([code]: unknown[]) => ({ code, output }))
  return { ended, kill: (signal: NodeJS.Signals) => child.kill(signal) }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  // If the condition never becomes true, the test times out.
  while (!(await condition())) await sleep(20)
}

/** Makes each batch of the command take a second. */
async function slowDown(): Promise<void> {
  await db.query(`create function slow() returns trigger language plpgsql as
    'begin perform pg_sleep(0.002); return new; end';
    create trigger slow before update on messages for each row execute function slow()`)
  onTestFinished(hurry)
}

async function hurry(): Promise<void> {
  await db.query('drop function if exists slow cascade')
}

/** Runs `before` each time the command is about to write. */
function beforeWrites(before: (writes: number) => unknown): MigrationClient {
  let writes = 0
  return {
    query: async (sql, params) => {
      if (/update messages/.test(sql)) await before((writes += 1))
      return db.query(sql, params)
    },
  }
}

const options = { log: () => {}, signal: new AbortController().signal, pauseMs: 10 }

test('the terms are those that the Worker stores', async () => {
  const turn = {
    message: 'My dog is called Rex',
    contextText: 'Kennel Street',
    reply: 'A good name',
  }
  const sessionId = await storeSession([turn])
  expect(await start().ended).toMatchObject({ code: 0 })
  const { terms, messageTerms } = turnTerms(turn.message, turn.contextText, turn.reply)
  expect(
    await values(
      `select array[terms = salted_terms($1, session_id), message_terms = $2]::text
      from messages where session_id = $3 and role = 'assistant'`,
      [terms, messageTerms, sessionId],
    ),
  ).toEqual(['{t,t}'])
})

test('a turn of an old session can be recalled', async () => {
  const turns = [{ message: 'My dog is called Rex', reply: 'A good name' }, ...manyTurns(30)]
  const sessionId = await storeSession(turns)
  const recalled = () =>
    values(
      `select found->>6 from json_array_elements(turn_recall(
        json_populate_record(null::turn_start, $1), 63, 63)) as f (found) limit 1`,
      [
        JSON.stringify({
          session_id: sessionId,
          recall_tokens: 1_000,
          recall_terms: queryTerms(
            'What is the name of my dog, is it Rex, what is he called?',
            null,
          ).terms,
        }),
      ],
    )
  expect(await recalled()).toEqual([])
  expect(await start().ended).toMatchObject({ code: 0 })
  expect(await recalled()).toEqual(['My dog is called Rex'])
})

test('replies that do not count stay without terms', async () => {
  const unfit = ['superseded', 'failed', 'streaming'].map((status) => ({
    message: 'a dog',
    reply: 'text',
    status,
  }))
  await storeSession([...unfit, { message: 'a dog', reply: '', status: 'interrupted' }])
  const { code, output } = await start().ended
  expect({ code, output }).toEqual({ code: 0, output: 'done: 0 turns written, 0 have no terms\n' })
  expect(await withTerms()).toBe(0)
})

test('a turn whose texts have no words is done', async () => {
  await storeSession([{ message: '?', reply: '!' }])
  expect(await start().ended).toMatchObject({ code: 0 })
  expect(await values(`select terms::text from messages where role = 'assistant'`)).toEqual(['{}'])
})

test('with nothing to do, no row is written', async () => {
  await storeSession(manyTurns(3))
  const first = await start().ended
  expect(first.output).toBe('3 turns have no terms\ndone: 3 turns written, 0 have no terms\n')
  const rows = await values('select xmin::text from messages order by seq')
  expect(await start().ended).toEqual({
    code: 0,
    output: 'done: 0 turns written, 0 have no terms\n',
  })
  expect(await values('select xmin::text from messages order by seq')).toEqual(rows)
})

describe('a run that does not reach the end', () => {
  test('is continued after a kill', async () => {
    await storeSession(manyTurns(1_200))
    await slowDown()
    const run = start()
    await until(async () => (await withTerms()) > 0)
    run.kill('SIGKILL')
    expect(await run.ended).toMatchObject({ code: null })
    expect(await withTerms()).toBeLessThan(1_200)
    await hurry()
    expect(await start().ended).toMatchObject({ code: 0 })
    expect(await withTerms()).toBe(1_200)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('ends its batch after %s', async (signal) => {
    await storeSession(manyTurns(1_200))
    await slowDown()
    const run = start()
    await until(async () => (await withTerms()) > 0)
    run.kill(signal)
    const { code, output } = await run.ended
    const written = await withTerms()
    expect(written === 500 || written === 1_000).toBe(true)
    expect(code).toBe(2)
    expect(output).toContain(
      `stopped: ${written} turns written, ${1_200 - written} have no terms: run it again`,
    )
  })

  test('says so when its connection is lost', async () => {
    await storeSession(manyTurns(1_200))
    await slowDown()
    const run = start()
    await until(async () => (await withTerms()) > 0)
    await db.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'neon-chat-history%'`,
    )
    const { code, output } = await run.ended
    expect(code).toBe(1)
    expect(output).toMatch(/terms: .*run it again/s)
  })
})

test('two runs at once write each turn once', async () => {
  await storeSession(manyTurns(1_200))
  const runs = await Promise.all([start().ended, start().ended])
  expect(runs.map(({ code }) => code)).toEqual([0, 0])
  const written = runs.map(({ output }) => Number(/done: (\d+)/.exec(output)?.[1]))
  expect(written[0]! + written[1]!).toBe(1_200)
})

test('a locked turn is passed over, and written when it is free', async () => {
  const sessionId = await storeSession(manyTurns(25))
  const other = await connectTo(server.connectionString)
  onTestFinished(() => other.end())
  await other.query('begin')
  await other.query('select from messages where session_id = $1 and seq = 4 for update', [
    sessionId,
  ])
  expect(await fillTerms(db, { ...options, batchTurns: 10 })).toEqual({ written: 24, left: 1 })

  const isLast = Promise.withResolvers<void>()
  const later = fillTerms(
    beforeWrites((writes) => writes === 2 && isLast.resolve()),
    options,
  )
  await isLast.promise
  await other.query('commit')
  expect(await later).toEqual({ written: 1, left: 0 })
})

test('no turn and no erasure waits for a run between its statements', async () => {
  const sessionId = await storeSession(manyTurns(25))
  const other = await connectTo(server.connectionString)
  onTestFinished(() => other.end())
  await other.query("set lock_timeout = '1s'")
  const client = beforeWrites(() =>
    other.query('update messages set metadata = metadata where session_id = $1', [sessionId]),
  )
  expect(await fillTerms(client, { ...options, batchTurns: 10 })).toEqual({ written: 25, left: 0 })
})

test('a session that is erased meanwhile stays erased', async () => {
  const erased = await storeSession(manyTurns(5))
  await storeSession(manyTurns(5))
  const client = beforeWrites(() => db.query('delete from sessions where id = $1', [erased]))
  expect(await fillTerms(client, options)).toEqual({ written: 5, left: 0 })
  expect(await values('select from sessions')).toHaveLength(1)
})

test('a reply that is superseded meanwhile stays without terms', async () => {
  const sessionId = await storeSession(manyTurns(5))
  const client = beforeWrites(() =>
    db.query(`update messages set status = 'superseded' where session_id = $1 and seq = 10`, [
      sessionId,
    ]),
  )
  expect(await fillTerms(client, options)).toEqual({ written: 4, left: 0 })
  expect(await values('select terms from messages where seq = 10')).toEqual([null])
})

test('a turn that stored its own terms meanwhile keeps them', async () => {
  const sessionId = await storeSession(manyTurns(5))
  const client = beforeWrites(() =>
    db.query(
      `update messages set terms = '{7}', message_terms = 1 where session_id = $1 and seq = 10`,
      [sessionId],
    ),
  )
  expect(await fillTerms(client, options)).toEqual({ written: 4, left: 0 })
  expect(await values('select terms::text from messages where seq = 10')).toEqual(['{7}'])
})

test('a database without terms is told to migrate first', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'terms-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const file of await readdir('migrations'))
    if (/^000[1-7]_/.test(file)) await cp(join('migrations', file), join(folder, file))
  await db.query('create database before_terms')
  const url = new URL(server.connectionString)
  url.pathname = '/before_terms'
  const old = await connectTo(url.href)
  await migrate(old, { folder })
  await old.end()
  expect(await start([], url.href).ended).toEqual({
    code: 1,
    output: 'terms: the database has no terms yet: run npm run migrate first\n',
  })
})

test('an unknown option is refused, and --help lists what there is', async () => {
  expect(await start(['--dry-run']).ended).toMatchObject({
    code: 1,
    output: expect.stringContaining('Try --help.') as string,
  })
  expect(await start(['--help']).ended).toMatchObject({
    code: 0,
    output: expect.stringContaining('Usage:') as string,
  })
})
