import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { startDatabaseProxy } from '../rigs/database-proxy.ts'
import { startDatabase } from '../rigs/start-database.ts'
import { startWorkerd } from '../rigs/start-workerd.ts'
import { auditTrail } from './audit.ts'
import type { PlannedFault } from './turn-plan.ts'

/** The shortest lease, so that the turns of a killed Worker are soon free; no cap, since few clients send much. */
const leaseMs = 7_000
const settings = {
  TURN_LEASE_MS: String(leaseMs),
  DAILY_TOKENS_PER_USER: 'off',
  DATABASE_TIMEOUT_MS: '2000',
  MODEL_TIMEOUT_MS: '20000',
  MODEL_FIRST_TOKEN_TIMEOUT_MS: '1500',
  MODEL_IDLE_TIMEOUT_MS: '1500',
}

export interface SoakParts {
  /** Changes after each kill. */
  url(): string
  pid(): number
  connectionString: string
  /** When the model was called, by message; milliseconds since 1970. */
  calls: ReadonlyMap<string, number[]>
  /** How often each thing went wrong. */
  injected: Map<string, number>
  /** Prepares a planned fault of the database; counts one that the client or the model causes. */
  arm(fault: PlannedFault | undefined): void
  /** Kills the Worker (SIGKILL) and starts a new one. */
  killWorker(): Promise<void>
  /** Waits until no reply is running, at most for a lease. */
  settled(database: Client): Promise<void>
  close(): Promise<void>
}

/** A PostgreSQL server of its own, the built Worker, and a proxy between them that fails. */
export async function startSoakParts(): Promise<SoakParts> {
  const database = await startDatabase('postgres')
  await database.migrate()
  await database.exec(auditTrail)
  const calls = new Map<string, number[]>()
  const model = await startOfflineModel({
    record: false,
    onRequest({ messages }) {
      const message = messages.at(-1)?.content ?? ''
      const calledAt = calls.get(message) ?? []
      calls.set(message, [...calledAt, Date.now()])
    },
  })
  const proxy = await startDatabaseProxy(database.endpoint, () => (proxy.calls.length = 0))
  const vars = {
    ...settings,
    DATABASE_URL: database.connectionString,
    NEON_HTTP_ENDPOINT: proxy.url,
    OPENAI_BASE_URL: model.baseUrl,
  }
  let worker = await startWorkerd(vars)

  const injected = new Map<string, number>()
  const armed: (PlannedFault & { of: 'database' })[] = []
  const count = (name: string) => injected.set(name, (injected.get(name) ?? 0) + 1)
  proxy.fault = () => {
    const due = armed.findIndex((each) => (each.callsBefore -= 1) < 0)
    if (due < 0) return undefined
    const [met] = armed.splice(due, 1)
    if (met) count(`database: ${met.fault}`)
    return met?.fault
  }

  return {
    url: () => worker.url,
    pid: () => worker.pid,
    connectionString: database.connectionString,
    calls,
    injected,
    arm(fault) {
      if (fault?.of === 'database') armed.push({ ...fault })
      if (fault?.of === 'model') count(`model: ${fault.directive}`)
      if (fault?.of === 'client')
        count(`client: ${fault.leaves}, ${fault.isStream ? 'stream' : 'json'}`)
    },
    async killWorker() {
      count('workerd: SIGKILL')
      await worker.close()
      worker = await startWorkerd(vars)
    },
    async settled(client) {
      for (const end = Date.now() + leaseMs; Date.now() < end; await sleep(100)) {
        const { rows } = await client.query(
          `select from messages where status = 'streaming' limit 1`,
        )
        if (rows.length === 0) return
      }
    },
    async close() {
      await worker.close()
      await Promise.all([model.close(), proxy.close()])
      await database.close()
    },
  }
}
