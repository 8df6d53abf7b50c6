import { afterAll, beforeAll, test } from 'vitest'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { median, report, round } from './report.ts'
import { type BenchDatabase, type BenchServer, startBenchServer } from './rig/bench-server.ts'
import { fineCpuMs } from './rig/cpu-time.ts'
import { vacuum } from './rig/seed-history.ts'
import { beginWithRecall, seedRecall, termsOfNext } from './rig/seed-recall.ts'
import { costOf, medianCost, type SqlCost, totalMs } from './rig/sql-cost.ts'
import type { BenchSession } from './turn-form.ts'

const turns = Number(process.env['BENCH_TURNS'] ?? 100)
const lengths = [100, 1_000, 50_000]
const recallTokens = 1_000
/** PostgreSQL plans a prepared statement five times before it may keep a plan. */
const warmUpTurns = 10

interface Begin {
  cost: SqlCost
  /** CPU time of the database: what else the machine does is no part of it. */
  cpuMs: number
  recalled: number
}

let server: BenchServer
let db: Database
const sessions: BenchSession[] = []

beforeAll(async () => {
  server = await startBenchServer({ poolSize: 1 })
  const { product } = server.databases
  db = createDatabase({
    connectionString: product.connectionString,
    endpoint: product.endpoint,
    timeoutMs: 20_000,
  })
  for (const messages of lengths) sessions.push(await seedRecall(db, product, messages))
  await vacuum(product)
}, 240_000)

/** The process that serves the endpoint. */
async function pidOfBackend({ client }: BenchDatabase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity
     where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`,
  )
  const [only] = rows
  if (only === undefined || rows.length > 1)
    throw new Error(`${rows.length} backends serve the endpoint`)
  return only.pid
}

afterAll(() => server?.close())

test('time of begin with and without recall', async () => {
  const rows = []
  for (const [index, session] of sessions.entries()) {
    const begins: Record<'off' | 'on', Begin[]> = { off: [], on: [] }
    const { product } = server.databases
    for (let count = 0; count < warmUpTurns; count += 1) {
      const { end } = await beginWithRecall(db, session, {
        recallTokens: count % 2 ? recallTokens : 0,
        terms: await termsOfNext(product, session),
      })
      await end()
    }
    const pid = await pidOfBackend(product)
    for (let count = 0; count < turns; count += 1)
      for (const recall of count % 2 ? (['on', 'off'] as const) : (['off', 'on'] as const))
        begins[recall].push(
          await measure(session, { pid, tokens: recall === 'on' ? recallTokens : 0 }),
        )
    const { off, on } = begins
    const cpuMs = (all: Begin[]) => all.map((begin) => begin.cpuMs)
    const cost = (all: Begin[]) => medianCost(all.map((begin) => begin.cost))
    rows.push({
      'messages in the session': lengths[index] ?? 0,
      'off: CPU, ms': round(median(cpuMs(off))),
      'on: CPU, ms': round(median(cpuMs(on))),
      'on ÷ off': round(median(cpuMs(on)) / median(cpuMs(off))),
      'on, 19 of 20 take at most': round(percentile95(cpuMs(on))),
      'off: time, ms': round(totalMs(cost(off))),
      'on: time, ms': round(totalMs(cost(on))),
      'off: buffers': cost(off).buffers,
      'on: buffers': cost(on).buffers,
      'turns recalled': median(on.map(({ recalled }) => recalled)),
    })
  }
  await report(`begin with and without recall of ${recallTokens} tokens, medians`, rows)
}, 300_000)

async function measure(
  session: BenchSession,
  { pid, tokens }: { pid: number; tokens: number },
): Promise<Begin> {
  const { product } = server.databases
  const terms = await termsOfNext(product, session)
  const cpuBefore = fineCpuMs(pid)
  const { cost, result } = await costOf(server, product, () =>
    beginWithRecall(db, session, { recallTokens: tokens, terms }),
  )
  const cpuMs = fineCpuMs(pid) - cpuBefore
  await result.end()
  return { cost, cpuMs, recalled: result.begun.recalled.length }
}

function percentile95(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(0.95 * values.length)] ?? Number.NaN
}
