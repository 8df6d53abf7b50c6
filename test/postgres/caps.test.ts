import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { finishTurn } from '../../src/db/turns/finish-turn.ts'
import type { Payer } from '../../src/turn/turn.ts'
import { newVisitor } from '../rigs/client.ts'
import { newUserId, turnEnd, turnStart } from '../rigs/conversation.ts'
import { midnightIsOver } from '../rigs/midnight.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'
import { startRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

// A hundred turns at once take long on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

/** A server of its own: no other test spends for its site. */
let database: TestDatabase
let db: Database
let watcher: Client
beforeAll(async () => {
  await midnightIsOver()
  database = await startDatabase('postgres')
  await database.migrate()
  db = createDatabase({ ...database, timeoutMs: 100_000 })
  watcher = new Client({ connectionString: database.connectionString })
  await watcher.connect()
})
afterAll(async () => {
  await watcher.end()
  await database.close()
})

const many = 100
const debit = 100
const roomFor = 37
const cap = roomFor * debit + 99

const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))

function payersOf(userId: string, address: string, caps: Partial<Record<Payer['kind'], number>>) {
  const name = { user: userId, address: `address:${address}`, site: 'site' }
  return (['user', 'address', 'site'] as const).map((kind): Payer => ({
    kind,
    name: name[kind],
    maxTokens: caps[kind] ?? 1_000_000_000,
  }))
}

/** The tokens that a payer has spent today, as committed. */
async function countedOf(payer: string): Promise<number> {
  const { rows } = await watcher.query<{ tokens: string }>(
    'select coalesce(sum(tokens), 0) as tokens from spending where payer = $1',
    [payer],
  )
  return Number(rows[0]?.tokens)
}

/** Reads the spent tokens again and again during `run`. @returns every value that was seen */
async function watch<Result>(payer: string, run: () => Promise<Result>) {
  const seen = new Set<number>()
  const over = new AbortController()
  const watching = (async () => {
    for (; !over.signal.aborted; await sleep(2)) seen.add(await countedOf(payer))
  })()
  const result = await run().finally(() => over.abort())
  await watching
  return { result, seen: [...seen] }
}

type Capped = Payer['kind']

/** Many turns at once that one payer pays for. */
function crowd(kind: Capped) {
  const userId = newUserId()
  const address = crypto.randomUUID()
  const starts = times(many, () => {
    const user = kind === 'user' ? userId : newUserId()
    const from = kind === 'address' ? address : crypto.randomUUID()
    return turnStart({
      userId: user,
      maxTokens: debit,
      payers: payersOf(user, from, { [kind]: cap }),
    })
  })
  const payer = { user: userId, address: `address:${address}`, site: 'site' }[kind]
  return { starts, payer }
}

describe.each<[string, Capped]>([
  ['of one user', 'user'],
  ['of many users at one address', 'address'],
  ['of many users at many addresses', 'site'],
])(`${many} turns at once %s`, (_, kind) => {
  test.each(['the first of the day', 'of a day that has begun'])(
    'never exceed the cap, at any moment: %s',
    async (moment) => {
      await watcher.query("delete from spending where payer = 'site'")
      const { starts, payer } = crowd(kind)
      if (moment === 'of a day that has begun')
        await watcher.query(
          `insert into spending (day, payer) values ((now() at time zone 'UTC')::date, $1)`,
          [payer],
        )
      const { result, seen } = await watch(payer, () =>
        Promise.all(starts.map((start) => beginTurn(db, start))),
      )
      const verdicts = result.map((begun) =>
        begun.verdict === 'capped' ? `capped: ${begun.capped}` : begun.verdict,
      )
      expect(verdicts.toSorted()).toEqual([
        ...times(many - roomFor, () => `capped: ${kind}`),
        ...times(roomFor, () => 'run'),
      ])
      expect(Math.max(...seen)).toBeLessThanOrEqual(cap)
      expect(await countedOf(payer)).toBe(roomFor * debit)
    },
  )

  test('that end, and make room for others, never exceed it either', async () => {
    await watcher.query("delete from spending where payer = 'site'")
    const { starts, payer } = crowd(kind)
    const cost = { prompt_tokens: 20, completion_tokens: 10, cached_tokens: 0 }
    const { result, seen } = await watch(payer, () =>
      Promise.all(
        starts.map(async (start) => {
          const { verdict } = await beginTurn(db, start)
          if (verdict === 'run')
            await finishTurn(db, start, turnEnd({ spent: cost }), { historyLimit: 0 })
          return verdict
        }),
      ),
    )
    expect(Math.max(...seen)).toBeLessThanOrEqual(cap)
    const ended = result.filter((verdict) => verdict === 'run').length
    expect(ended).toBeGreaterThanOrEqual(roomFor)
    expect(await countedOf(payer)).toBe(30 * ended)
  })
})

test('turns of few users at few addresses, begun and ended at once, never deadlock', async () => {
  await watcher.query('delete from spending')
  const users = times(5, newUserId)
  const pick = <Item>(items: readonly Item[]) =>
    items[Math.floor(Math.random() * items.length)] as Item
  let turns = 0
  async function takeTurns() {
    for (let turn = 0; turn < 12; turn += 1) {
      const userId = pick(users)
      const payers = payersOf(userId, pick(['one', 'two', 'three']), {})
      const start = turnStart({ userId, payers, maxTokens: debit })
      // A deadlock would be an error of one of them.
      expect(await beginTurn(db, start)).toMatchObject({ verdict: 'run' })
      const finished = await finishTurn(db, start, turnEnd(), { historyLimit: 10 })
      expect(finished).toMatchObject({ outcome: 'stored' })
      turns += 1
    }
  }
  await Promise.all(times(32, takeTurns))
  expect(await countedOf('site')).toBe(30 * turns)
  const { rows } = await watcher.query<{ tokens: string }>(
    `select sum(tokens) as tokens from spending where payer like 'visitor:%'`,
  )
  expect(Number(rows[0]?.tokens)).toBe(30 * turns)
})

test('a replay, a refusal and a turn without a site cap do not wait for a turn that is being debited to the site', async () => {
  const other = new Client({ connectionString: database.connectionString })
  await other.connect()
  try {
    const userId = newUserId()
    const start = turnStart({ userId, payers: payersOf(userId, 'one', {}) })
    await beginTurn(db, start)
    await finishTurn(db, start, turnEnd(), { historyLimit: 0 })
    await other.query('begin')
    await other.query(`select from spending where payer = 'site' for update`)
    const retry = { ...start, lease: crypto.randomUUID() }
    expect(await beginTurn(db, retry)).toMatchObject({ verdict: 'replay' })
    expect(await beginTurn(db, { ...retry, content: 'Other' })).toEqual({ verdict: 'mismatch' })
    const running = beginTurn(db, turnStart({ userId, payers: start.payers }))
    expect(await beginTurn(db, turnStart())).toMatchObject({ verdict: 'run' })
    await other.query('commit')
    expect(await running).toMatchObject({ verdict: 'run' })
  } finally {
    await other.end()
  }
})

test('through the Worker: of a hundred turns at once, only those that the cap covers run and are paid for', async () => {
  const caps = {
    DAILY_TOKENS_PER_USER: '6000',
    CONTEXT_TOKEN_BUDGET: '5000',
    MAX_COMPLETION_TOKENS: '900',
  }
  const rig = await startRig({ ...caps, DATABASE_TIMEOUT_MS: '30000' }, { database })
  try {
    const visitor = await newVisitor(rig.url)
    const payer = visitorIdOf(visitor.token ?? '')
    const { result, seen } = await watch(payer, () =>
      Promise.all(
        times(many, async (index) => {
          const response = await visitor.request('POST', '/v1/chat', { message: `Hello ${index}` })
          return { status: response.status, body: JSON.parse(await response.text()) }
        }),
      ),
    )
    expect(Math.max(...seen)).toBeLessThanOrEqual(6_000)
    const answered = result.filter(({ status }) => status === 200)
    const refused = result.filter(({ status }) => status === 429)
    expect(answered.length + refused.length).toBe(many)
    expect(answered.length).toBeGreaterThan(0)
    expect(refused.length).toBeGreaterThan(0)
    for (const { body } of refused)
      expect(body).toMatchObject({ code: 'daily_limit_reached', limit: 'user' })
    expect(rig.model.requests).toHaveLength(answered.length)
    const told = answered.map(({ body }) => body.reply.usage)
    const sum = told.reduce((all, each) => all + each.prompt_tokens + each.completion_tokens, 0)
    expect(await countedOf(payer)).toBe(sum)
    const { data } = await visitor.expect(200, 'GET', '/v1/sessions?limit=200')
    expect(data).toHaveLength(answered.length)
  } finally {
    await rig.close()
  }
})
