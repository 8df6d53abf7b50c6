import { afterAll, beforeAll, test } from 'vitest'
import { compare } from './compare.ts'
import { report, round } from './report.ts'
import { type BenchServer, type FormName, formNames, startBenchServer } from './rig/bench-server.ts'
import { type BenchModel, startModel } from './rig/model.ts'
import { startTurnWorkers, type TurnWorkers, type Visitor } from './rig/turn-workers.ts'
import { turn } from './turn-form.ts'

const clients = 16

let server: BenchServer
let model: BenchModel
let workers: TurnWorkers
const visitors: Record<FormName, Visitor[]> = { floor: [], old: [], product: [] }

beforeAll(async () => {
  server = await startBenchServer()
  model = await startModel({ tokens: turn.replyTokens, paceMs: 0 })
  workers = await startTurnWorkers(server, model.baseUrl)
  for (const name of formNames)
    for (let count = 0; count < clients; count += 1)
      visitors[name].push(await workers.connect(name))
}, 120_000)

afterAll(async () => {
  await workers?.close()
  await Promise.all([model?.close(), server?.close()])
})

/** Each client is a visitor of its own. */
function clientsOf(name: FormName) {
  let last = 0
  return () => {
    const visitor = visitors[name][(last += 1) % clients]
    return async () => visitor?.ask()
  }
}

test(`turns per second, ${clients} clients`, async () => {
  const rates = await compare(clients, {
    floor: clientsOf('floor'),
    old: clientsOf('old'),
    product: clientsOf('product'),
  })
  const rows = formNames.map((name) => ({
    form: name,
    'turns per second': round(rates[name], 1),
    '÷ floor': round(rates[name] / rates.floor),
  }))
  await report(`Turns per second, ${clients} clients, medians`, rows)
}, 300_000)
