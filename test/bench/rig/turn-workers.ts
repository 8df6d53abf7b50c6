import { randomBytes } from 'node:crypto'
import { startWorkerd, type Workerd } from '../../rigs/start-workerd.ts'
import { visitorIdOf } from '../../rigs/visitor-id.ts'
import { readOldSql } from '../old-form/old-form.ts'
import { type BenchSession, maxDailyTokens, turn } from '../turn-form.ts'
import type { BenchDatabase, BenchServer, FormName } from './bench-server.ts'
import { createWorkerClient, startBareWorker, type WorkerClient } from './bench-worker.ts'
import { seedSession } from './seed-history.ts'

export interface TurnWorkers {
  /** A visitor with a session of their own and one connection, which takes a turn at each call of `ask`. */
  connect(name: FormName): Promise<Visitor>
  close(): Promise<void>
}

export interface Visitor {
  ask(): Promise<string>
}

const messageCount = 100

/** The built Worker, a bare Worker with the floor's statements and one with the old batches, each in a workerd. */
export async function startTurnWorkers(
  { databases }: BenchServer,
  modelUrl: string,
): Promise<TurnWorkers> {
  const varsOf = (name: FormName) => ({
    DATABASE_URL: databases[name].connectionString,
    NEON_HTTP_ENDPOINT: databases[name].endpoint,
    OPENAI_BASE_URL: modelUrl,
  })
  const oldSql = await readOldSql()
  const workers: Record<FormName, Workerd> = {
    floor: await startBareWorker(
      new URL('../floor/floor-worker.ts', import.meta.url),
      varsOf('floor'),
    ),
    old: await startBareWorker(new URL('../old-form/old-worker.ts', import.meta.url), {
      ...varsOf('old'),
      BEGIN_SQL: oldSql.begin,
      FINISH_SQL: oldSql.finish,
    }),
    product: await startProduct(varsOf('product')),
  }
  const clients: WorkerClient[] = []
  return {
    async connect(name) {
      const { token, session } = await newVisitor(databases[name])
      const { url } = workers[name]
      const client = name === 'product' ? productClient(url, token) : createWorkerClient(url, {})
      clients.push(client)
      const body = name === 'product' ? productTurn(session) : bareTurn(session)
      return { ask: () => client.ask(body) }
    },
    async close() {
      for (const client of clients) client.close()
      await Promise.all(Object.values(workers).map((worker) => worker.close()))
    },
  }
}

/** A visitor with a session of 100 messages. */
export async function newVisitor(
  database: BenchDatabase,
): Promise<{ token: string; session: BenchSession }> {
  const token = `vst_${randomBytes(32).toString('base64url')}`
  const session = { userId: visitorIdOf(token), sessionId: crypto.randomUUID() }
  await seedSession(database, messageCount, session)
  return { token, session }
}

/** With the caps that a site has by default, out of reach, and the window of the other forms. */
export function startProduct(vars: Record<string, string>): Promise<Workerd> {
  const cap = String(maxDailyTokens)
  return startWorkerd({
    ...vars,
    CONTEXT_MAX_TURNS: String(turn.windowTurns),
    RECALL_TOKENS: '0',
    DAILY_TOKENS_PER_USER: cap,
    DAILY_TOKENS_PER_ADDRESS: cap,
    DAILY_TOKENS_PER_SITE: cap,
  })
}

export function productClient(url: string, token: string, accept = 'application/json') {
  return createWorkerClient(`${url}/v1/chat`, {
    authorization: `Bearer ${token}`,
    'cf-connecting-ip': `10.0.0.${1 + (randomBytes(1)[0] ?? 0)}`,
    accept,
  })
}

function productTurn({ sessionId }: BenchSession) {
  return { session_id: sessionId, message: turn.message, history_limit: 0 }
}

function bareTurn({ sessionId, userId }: BenchSession) {
  return { session_id: sessionId, user_id: userId, message: turn.message }
}
