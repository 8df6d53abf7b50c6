import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, test } from 'vitest'
import type { Workerd } from '../rigs/start-workerd.ts'
import { median, report, round } from './report.ts'
import { type BenchServer, startBenchServer } from './rig/bench-server.ts'
import type { WorkerClient } from './rig/bench-worker.ts'
import { cpuMs } from './rig/cpu-time.ts'
import { type BenchModel, startModel } from './rig/model.ts'
import { newVisitor, productClient, startProduct } from './rig/turn-workers.ts'
import { turn } from './turn-form.ts'

const turns = Number(process.env['BENCH_TURNS'] ?? 60)
const networks = [0, 50]
const long = { tokens: 1_024, paceMs: 2 }
const watched = { tokens: 100, paceMs: 50 }

/** The built Worker, with the object that writes its replies or without it. */
interface Form {
  name: 'in the Worker' | 'in an object'
  worker: Workerd
  token: string
  sessionId: string
  client: WorkerClient
}

let server: BenchServer
let model: BenchModel
let forms: Form[]

beforeAll(async () => {
  server = await startBenchServer()
}, 120_000)
afterAll(() => server?.close())

async function startForms(
  reply: { tokens: number; paceMs: number },
  warmUpTurns: number,
): Promise<void> {
  model = await startModel(reply)
  forms = []
  for (const name of ['in the Worker', 'in an object'] as const) {
    const { connectionString, endpoint } = server.databases.product
    const worker = await startProduct({
      DATABASE_URL: connectionString,
      NEON_HTTP_ENDPOINT: endpoint,
      OPENAI_BASE_URL: model.baseUrl,
      ...(name === 'in the Worker' && { LIVE_REPLIES: '' }),
    })
    const { token, session } = await newVisitor(server.databases.product)
    const client = productClient(worker.url, token, 'text/event-stream')
    forms.push({ name, worker, token, sessionId: session.sessionId, client })
  }
  for (let count = 0; count < warmUpTurns; count += 1) for (const form of forms) await take(form)
}

async function closeForms(): Promise<void> {
  for (const { client, worker } of forms) {
    client.close()
    await worker.close()
  }
  await model.close()
}

const take = ({ client, sessionId }: Form) =>
  client.ask({ session_id: sessionId, message: turn.message })

test("the time from the request to the model's call, with the object and without it", async () => {
  await startForms({ tokens: turn.replyTokens, paceMs: 0 }, 15)
  const rows = []
  for (const requestMs of networks) {
    Object.assign(server.delays, { requestMs, roundTripMs: 0 })
    const times = new Map(forms.map(({ name }) => [name, [] as number[]]))
    for (let count = 0; count < turns; count += 1)
      for (const form of forms) {
        const beginsAt = performance.now()
        await take(form)
        times.get(form.name)?.push(model.calledAt - beginsAt)
      }
    const [worker = Number.NaN, object = Number.NaN] = [...times.values()].map(median)
    rows.push({
      'delay before the database, ms': requestMs,
      'in the Worker, ms': round(worker, 1),
      'in an object, ms': round(object, 1),
      'object ÷ Worker': round(object / worker, 3),
    })
  }
  Object.assign(server.delays, { requestMs: 0, roundTripMs: 0 })
  await report("Time from the request to the model's call, medians, of streamed turns", rows)
  await closeForms()
}, 300_000)

/** Memory of a process in KiB (proc(5), `VmRSS`). */
function residentKiB(pid: number): number {
  const [, kiB] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kiB)
}

test.runIf(process.platform === 'linux')(
  'CPU time and memory of a streamed turn, with the object and without it',
  async () => {
    await startForms(long, 3)
    const cpu = new Map(forms.map(({ name }) => [name, 0]))
    const rounds = Math.min(turns, 15)
    for (let count = 0; count < rounds; count += 1)
      for (const form of forms) {
        const before = cpuMs(form.worker.pid)
        await take(form)
        cpu.set(form.name, (cpu.get(form.name) ?? 0) + cpuMs(form.worker.pid) - before)
      }
    const atOnce = 100
    const memory = new Map<string, number>()
    for (const form of forms) {
      const before = residentKiB(form.worker.pid)
      const running = await Promise.all(
        Array.from({ length: atOnce }, () => openTurn(form, undefined)),
      )
      await sleep(500)
      memory.set(form.name, (residentKiB(form.worker.pid) - before) / atOnce)
      await Promise.all(running.map(({ ended }) => ended))
    }
    await report(
      `A streamed turn of ${long.tokens} tokens, one each ${long.paceMs} ms: CPU time of workerd, and memory with ${atOnce} at once`,
      forms.map(({ name }) => ({
        'the reply is written': name,
        'CPU, ms': round((cpu.get(name) ?? 0) / rounds, 1),
        'memory, KiB a turn': round(memory.get(name) ?? 0, 0),
      })),
    )
    await closeForms()
  },
  300_000,
)

test('from a piece of the model to the delta of the visitor and of somebody who joined', async () => {
  await startForms(watched, 1)
  const rows = []
  for (const form of forms) {
    const own: number[] = []
    const joined: number[] = []
    for (let count = 0; count < 3; count += 1) {
      const turnOpened = await openTurn(form, own)
      const path = `/v1/sessions/${turnOpened.sessionId}/messages/${turnOpened.replyId}/stream`
      const joining = await openStream(form, 'GET', path, undefined, joined)
      await Promise.all([turnOpened.ended, joining.ended])
    }
    rows.push({
      'the reply is written': form.name,
      'visitor, median ms': round(median(own), 1),
      'visitor, 95 %': round(percentile(own, 0.95), 1),
      'joined, median ms': round(median(joined), 1),
      'joined, 95 %': round(percentile(joined, 0.95), 1),
      'joined ÷ visitor': round(median(joined) / median(own)),
    })
  }
  await report(`From a piece of the model to the client, one piece each ${watched.paceMs} ms`, rows)
  await closeForms()
}, 300_000)

function percentile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN
}

/** A turn of a session of its own. */
async function openTurn(form: Form, delays: number[] | undefined) {
  const stream = await openStream(form, 'POST', '/v1/chat', { message: turn.message }, delays)
  const { session_id: sessionId = '', reply_id: replyId = '' } = await stream.started
  return { sessionId, replyId, ended: stream.ended }
}

/** @param delays gets the milliseconds from each piece of the model to its delta */
async function openStream(
  { worker, token }: Form,
  method: string,
  path: string,
  body: object | undefined,
  delays: number[] | undefined,
) {
  const agent = new Agent()
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'text/event-stream',
    ...(body && { 'content-type': 'application/json' }),
  }
  const sent = request(worker.url + path, { method, agent, headers })
  sent.end(body && JSON.stringify(body))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const started = Promise.withResolvers<{ session_id?: string; reply_id?: string }>()
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const now = performance.now()
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = text.slice(0, end)
      text = text.slice(end + 2)
      const data = /^data: (.*)$/m.exec(event)?.[1] ?? '{}'
      if (event.startsWith('event: turn.started')) started.resolve(JSON.parse(data))
      // All words of the bench's model have five characters.
      const words = Number(/^id: (\d+)$/m.exec(event)?.[1] ?? 0) / ' word'.length
      const sentAt = model.sentAt[words - 1]
      if (event.startsWith('event: delta') && sentAt !== undefined) delays?.push(now - sentAt)
    }
  })
  const ended = once(response, 'end').then(() => agent.destroy())
  return { started: started.promise, ended }
}
