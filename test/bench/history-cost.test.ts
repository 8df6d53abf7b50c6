import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { drawChart } from './draw-chart.ts'
import { report, round } from './report.ts'
import { type BenchServer, type FormName, startBenchServer } from './rig/bench-server.ts'
import { seedSession, takeTurn, vacuum } from './rig/seed-history.ts'
import { costOf, medianCost, type SqlCost, totalMs } from './rig/sql-cost.ts'
import type { BenchSession } from './turn-form.ts'

const turns = Number(process.env['BENCH_TURNS'] ?? 30)
const lengths = [10, 100, 1_000, 10_000, 100_000]
const picture = '.github/images/turn-cost.svg'
const warmUpTurns = 10

interface Costs {
  product: SqlCost
  old: SqlCost
  /** Of a plain `select` of all messages, from the floor's table. */
  whole: SqlCost
}

interface SeededLength {
  messages: number
  sessions: Record<FormName, BenchSession>
}

let server: BenchServer
const seeded: SeededLength[] = []

beforeAll(async () => {
  server = await startBenchServer({ poolSize: 1 })
  const { floor, old, product } = server.databases
  for (const messages of lengths)
    seeded.push({
      messages,
      sessions: {
        floor: await seedSession(floor, messages),
        old: await seedSession(old, messages),
        product: await seedSession(product, messages),
      },
    })
  for (const database of [floor, old, product]) await vacuum(database)
}, 120_000)

afterAll(() => server?.close())

/** A long history is read less often: each read takes much longer, and varies less. */
const readsOf = (messages: number) => Math.max(3, Math.min(turns, Math.round(50_000 / messages)))

async function measure({ messages, sessions }: SeededLength): Promise<Costs> {
  const { floor, old, product } = server.databases
  const takeProductTurn = () => takeTurn(product, sessions.product)
  const takeOldTurn = () => takeTurn(old, sessions.old)
  const readWhole = () =>
    floor.client.query('select * from messages where session_id = $1 order by seq', [
      sessions.floor.sessionId,
    ])
  for (let count = 0; count < warmUpTurns; count += 1) {
    await takeProductTurn()
    await takeOldTurn()
  }
  await readWhole()
  const costs: Record<keyof Costs, SqlCost[]> = { product: [], old: [], whole: [] }
  for (let count = 0; count < turns; count += 1) {
    costs.product.push((await costOf(server, product, takeProductTurn)).cost)
    costs.old.push((await costOf(server, old, takeOldTurn)).cost)
    if (count < readsOf(messages)) costs.whole.push((await costOf(server, floor, readWhole)).cost)
  }
  return {
    product: medianCost(costs.product),
    old: medianCost(costs.old),
    whole: medianCost(costs.whole),
  }
}

test('database time of a turn against the length of its session', async () => {
  const costs: Costs[] = []
  for (const length of seeded) costs.push(await measure(length))
  const rows = costs.map(({ product, old, whole }, index) => ({
    'messages in the session': lengths[index] ?? 0,
    'product, ms': round(totalMs(product)),
    'product, buffers': product.buffers,
    'old batches, ms': round(totalMs(old)),
    'old batches, buffers': old.buffers,
    'whole history, ms': round(totalMs(whole)),
    'whole history, buffers': whole.buffers,
  }))
  await report('Database time of a turn against the length of its session, medians', rows)
  if (process.env['BENCH_PICTURE'] !== undefined) await draw(costs)
}, 300_000)

async function draw(costs: Costs[]): Promise<void> {
  const { rows } = await server.admin.query<{ server_version: string }>('show server_version')
  const [version] = (rows[0]?.server_version ?? '').split(' ')
  const svg = drawChart({
    title: 'Database time of a turn against the length of its session',
    description:
      'Made by: npm run bench -- --picture. Planning and execution of both calls of a turn with a window of 20 turns, ' +
      `by pg_stat_statements, on a local PostgreSQL ${version}, warm. For comparison, a plain select of all messages ` +
      'of the session, which is what a chat does that sends the whole history to the model.',
    xLabel: 'messages in the session',
    yLabel: 'milliseconds of database time',
    xs: lengths,
    lines: [
      { name: 'a turn', style: 'first', ys: costs.map(({ product }) => totalMs(product)) },
      {
        name: 'a turn in ad-hoc batches',
        style: 'second',
        ys: costs.map(({ old }) => totalMs(old)),
      },
      {
        name: 'reading the whole history',
        style: 'third',
        ys: costs.map(({ whole }) => totalMs(whole)),
      },
    ],
  })
  await mkdir(dirname(picture), { recursive: true })
  await writeFile(picture, svg)
}
