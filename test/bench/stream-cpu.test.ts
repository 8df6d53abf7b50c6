import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Workerd } from '../rigs/start-workerd.ts'
import { report, round } from './report.ts'
import { type BenchServer, startBenchServer } from './rig/bench-server.ts'
import { createWorkerClient, startBareWorker, type WorkerClient } from './rig/bench-worker.ts'
import { cpuMs } from './rig/cpu-time.ts'
import { type BenchModel, startModel } from './rig/model.ts'
import { newVisitor, productClient, startProduct } from './rig/turn-workers.ts'
import { turn } from './turn-form.ts'

const turns = Number(process.env['BENCH_TURNS'] ?? 30)
const reply = { tokens: 200, paceMs: 5 }

interface Streamed {
  worker: Workerd
  client: WorkerClient
  body: object
  /** A text that only the end of a whole answer contains. */
  ending: string
}

let server: BenchServer
let model: BenchModel
let product: Streamed
let bare: Streamed
let copying: Streamed

beforeAll(async () => {
  server = await startBenchServer()
  model = await startModel(reply)
  product = await streamedByProduct()
  bare = await bareWorker('passing-worker.ts')
  copying = await bareWorker('copying-worker.ts')
  for (const { client, body } of [product, bare, copying])
    for (let count = 0; count < 3; count += 1) await client.ask(body)
}, 120_000)

afterAll(async () => {
  for (const { client, worker } of [product, bare, copying]) {
    client.close()
    await worker.close()
  }
  await Promise.all([model?.close(), server?.close()])
})

async function streamedByProduct(): Promise<Streamed> {
  const { connectionString, endpoint } = server.databases.product
  const worker = await startProduct({
    DATABASE_URL: connectionString,
    NEON_HTTP_ENDPOINT: endpoint,
    OPENAI_BASE_URL: model.baseUrl,
  })
  const { token, session } = await newVisitor(server.databases.product)
  const client = productClient(worker.url, token, 'text/event-stream')
  const body = { session_id: session.sessionId, message: turn.message }
  return { worker, client, body, ending: 'turn.completed' }
}

async function bareWorker(file: string): Promise<Streamed> {
  const source = new URL(file, import.meta.url)
  const worker = await startBareWorker(source, { OPENAI_BASE_URL: model.baseUrl })
  const client = createWorkerClient(worker.url, {})
  return { worker, client, body: { message: turn.message }, ending: '[DONE]' }
}

/** CPU time of workerd for one turn. */
async function takeTurn({ worker, client, body, ending }: Streamed): Promise<number> {
  const before = cpuMs(worker.pid)
  const answer = await client.ask(body)
  const spentMs = cpuMs(worker.pid) - before
  expect(answer).toContain(ending)
  return spentMs
}

test.runIf(process.platform === 'linux')(
  'CPU time of a streamed turn',
  async () => {
    let [productMs, bareMs, copyingMs] = [0, 0, 0]
    for (let count = 0; count < turns; count += 1) {
      productMs += await takeTurn(product)
      bareMs += await takeTurn(bare)
      copyingMs += await takeTurn(copying)
    }
    await report(
      `CPU time of workerd for a streamed turn: ${reply.tokens} tokens, one each ${reply.paceMs} ms`,
      [
        { Worker: 'passes the stream through', 'CPU, ms': round(bareMs / turns, 1), '÷ bare': 1 },
        {
          Worker: 'copies the stream',
          'CPU, ms': round(copyingMs / turns, 1),
          '÷ bare': round(copyingMs / bareMs),
        },
        {
          Worker: 'product',
          'CPU, ms': round(productMs / turns, 1),
          '÷ bare': round(productMs / bareMs),
        },
      ],
    )
  },
  300_000,
)
