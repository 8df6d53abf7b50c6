import { afterAll, beforeAll, test } from 'vitest'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { median, report, round } from './report.ts'
import { type BenchServer, startBenchServer } from './rig/bench-server.ts'
import { vacuum } from './rig/seed-history.ts'
import { beginWithRecall, seedRecall } from './rig/seed-recall.ts'
import { costOf, medianCost, type SqlCost, totalMs } from './rig/sql-cost.ts'
import type { BenchSession } from './turn-form.ts'

const turns = Number(process.env['BENCH_TURNS'] ?? 100)
const lengths = [100, 1_000, 50_000]
const recallTokens = 1_000
/** PostgreSQL plans a prepared statement five times before it may keep a plan. */
const warmUpTurns = 10

interface Begins {
  costs: SqlCost[]
  wallMs: number[]
  recalled: number[]
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

afterAll(() => server?.close())

test('time of begin with and without recall', async () => {
  const rows = []
  for (const [index, session] of sessions.entries()) {
    const without: Begins = { costs: [], wallMs: [], recalled: [] }
    const withRecall: Begins = { costs: [], wallMs: [], recalled: [] }
    for (let count = 0; count < warmUpTurns; count += 1)
      await begin(session, { recall: count % 2 === 0, into: undefined })
    for (let count = 0; count < turns; count += 1) {
      const isFirst = count % 2 === 0
      await begin(session, { recall: isFirst, into: isFirst ? withRecall : without })
      await begin(session, { recall: !isFirst, into: isFirst ? without : withRecall })
    }
    const [off, on] = [medianCost(without.costs), medianCost(withRecall.costs)]
    rows.push({
      'messages in the session': lengths[index] ?? 0,
      'without: database, ms': round(totalMs(off)),
      'with: database, ms': round(totalMs(on)),
      'with, slowest of 20': round(slowestOf20(withRecall.costs.map(totalMs))),
      'with ÷ without': round(totalMs(on) / totalMs(off)),
      'without: buffers': off.buffers,
      'with: buffers': on.buffers,
      'without: call, ms': round(median(without.wallMs)),
      'with: call, ms': round(median(withRecall.wallMs)),
      'call, with ÷ without': round(median(withRecall.wallMs) / median(without.wallMs)),
      'turns recalled': median(withRecall.recalled),
    })
  }
  await report(`begin with and without recall of ${recallTokens} tokens, medians`, rows)
}, 300_000)

async function begin(
  session: BenchSession,
  { recall, into }: { recall: boolean; into: Begins | undefined },
): Promise<void> {
  let wallMs = 0
  const { cost, result } = await costOf(server, server.databases.product, async () => {
    const beginsAt = performance.now()
    const started = await beginWithRecall(db, session, recall ? recallTokens : 0)
    wallMs = performance.now() - beginsAt
    return started
  })
  await result.end()
  into?.costs.push(cost)
  into?.wallMs.push(wallMs)
  into?.recalled.push(result.begun.recalled.length)
}

/** 19 of 20 are faster. */
function slowestOf20(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(0.95 * values.length)] ?? Number.NaN
}
