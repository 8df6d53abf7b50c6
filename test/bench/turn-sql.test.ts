import { afterAll, beforeAll, test } from 'vitest'
import { median, report, round } from './report.ts'
import { type BenchServer, type FormName, formNames, startBenchServer } from './rig/bench-server.ts'
import { seedSession, takeTurn, vacuum } from './rig/seed-history.ts'
import {
  costOf,
  medianCost,
  plansOf,
  type SqlCost,
  sumCost,
  totalMs,
  trackNestedStatements,
} from './rig/sql-cost.ts'
import type { BenchSession } from './turn-form.ts'

const turns = Number(process.env['BENCH_TURNS'] ?? 100)
const messageCount = 100
/** PostgreSQL plans a prepared statement five times before it may keep a plan. */
const warmUpTurns = 10

interface TurnCost {
  begin: SqlCost
  finish: SqlCost
}

let server: BenchServer
const sessions = new Map<FormName, BenchSession>()

beforeAll(async () => {
  server = await startBenchServer({ poolSize: 1 })
  for (const name of formNames) {
    const database = server.databases[name]
    // Another one, so that a table read from end to end would cost more than the session.
    await seedSession(database, 5_000)
    const session = await seedSession(database, messageCount)
    sessions.set(name, session)
    await vacuum(database)
    for (let count = 0; count < warmUpTurns; count += 1) await takeTurn(database, session)
  }
}, 120_000)

afterAll(() => server?.close())

function sessionOf(name: FormName): BenchSession {
  const session = sessions.get(name)
  if (session === undefined) throw new Error(`${name} has no session`)
  return session
}

async function costOfTurn(name: FormName): Promise<TurnCost> {
  const database = server.databases[name]
  const begun = await costOf(server, database, () => database.form.begin(sessionOf(name)))
  const finished = await costOf(server, database, begun.result)
  return { begin: begun.cost, finish: finished.cost }
}

test('database time of a turn: planning and execution', async () => {
  const costs: Record<FormName, TurnCost[]> = { floor: [], old: [], product: [] }
  for (let count = 0; count < turns; count += 1)
    for (const name of count % 2 ? formNames.toReversed() : formNames)
      costs[name].push(await costOfTurn(name))
  const wholeMs = (name: FormName) =>
    median(costs[name].map(({ begin, finish }) => totalMs(sumCost(begin, finish))))
  const rows = formNames.flatMap((name) =>
    (['begin', 'finish'] as const).map((part) => {
      const cost = medianCost(costs[name].map((each) => each[part]))
      return {
        form: name,
        part,
        'planning, ms': round(cost.planningMs),
        'execution, ms': round(cost.executionMs),
        buffers: cost.buffers,
        'whole turn, ms': round(wholeMs(name)),
        '÷ old': round(wholeMs(name) / wholeMs('old')),
      }
    }),
  )
  const title = `Database time of a turn, a window of 20 turns in ${messageCount} messages, medians`
  await report(title, rows)
}, 300_000)

test('statements that are planned for a turn', async () => {
  await trackNestedStatements(server)
  const rows = []
  for (const name of formNames) {
    const take = () => takeTurn(server.databases[name], sessionOf(name))
    // A backend reads the new setting before its next statement.
    await take()
    rows.push({
      form: name,
      'planned statements': await plansOf(server, server.databases[name], take),
    })
  }
  await report('Statements planned for a turn, those inside functions included', rows)
}, 60_000)

test('bytes and round trips of a turn', async () => {
  const rows = []
  for (const name of formNames) {
    const database = server.databases[name]
    database.exchanges.length = 0
    await takeTurn(database, sessionOf(name))
    const sum = (part: 'requestBytes' | 'responseBytes' | 'roundTrips') =>
      database.exchanges.reduce((total, exchange) => total + exchange[part], 0)
    rows.push({
      form: name,
      requests: database.exchanges.length,
      'bytes to the database': sum('requestBytes'),
      'bytes from the database': sum('responseBytes'),
      'round trips behind the proxy': sum('roundTrips'),
    })
  }
  await report('HTTP bodies of a turn', rows)
}, 60_000)
