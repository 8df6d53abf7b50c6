import { afterAll, beforeAll, test } from 'vitest'
import type { Delays } from '../../scripts/dev/round-trips.ts'
import { median, report, round } from './report.ts'
import { type BenchServer, type FormName, formNames, startBenchServer } from './rig/bench-server.ts'
import { type BenchModel, startModel } from './rig/model.ts'
import { startTurnWorkers, type TurnWorkers, type Visitor } from './rig/turn-workers.ts'
import { turn } from './turn-form.ts'

const turns = Number(process.env['BENCH_TURNS'] ?? 60)
const warmUpTurns = 15
const networks: (Delays & { name: string })[] = [
  { name: '0', requestMs: 0, roundTripMs: 0 },
  { name: '0, and 0.5 for each round trip behind the proxy', requestMs: 0, roundTripMs: 0.5 },
  { name: '50', requestMs: 50, roundTripMs: 0 },
  { name: '50, and 0.5 for each round trip behind the proxy', requestMs: 50, roundTripMs: 0.5 },
]

let server: BenchServer
let model: BenchModel
let workers: TurnWorkers
let visitors: Record<FormName, Visitor>

beforeAll(async () => {
  server = await startBenchServer()
  model = await startModel({ tokens: turn.replyTokens, paceMs: 0 })
  workers = await startTurnWorkers(server, model.baseUrl)
  visitors = {
    floor: await workers.connect('floor'),
    old: await workers.connect('old'),
    product: await workers.connect('product'),
  }
  for (let count = 0; count < warmUpTurns; count += 1)
    for (const name of formNames) await visitors[name].ask()
}, 120_000)

afterAll(async () => {
  await workers?.close()
  await Promise.all([model?.close(), server?.close()])
})

/** Milliseconds from the request to the model's call, of turns of all forms in turn. */
async function measure(network: Delays): Promise<Record<FormName, number>> {
  Object.assign(server.delays, network)
  const times: Record<FormName, number[]> = { floor: [], old: [], product: [] }
  for (let count = 0; count < turns; count += 1)
    for (const name of formNames) {
      const beginsAt = performance.now()
      await visitors[name].ask()
      times[name].push(model.calledAt - beginsAt)
    }
  const { floor, old, product } = times
  return { floor: median(floor), old: median(old), product: median(product) }
}

test("the time from the request to the model's call", async () => {
  const rows = []
  for (const network of networks) {
    const { floor, old, product } = await measure(network)
    rows.push({
      'delay before the database, ms': network.name,
      'floor, ms': round(floor, 1),
      'old batches in a bare Worker, ms': round(old, 1),
      'product, ms': round(product, 1),
      'old ÷ floor': round(old / floor),
      'product ÷ floor': round(product / floor),
    })
  }
  await report("Time from the request to the model's call, medians", rows)
}, 300_000)
