import { inject } from 'vitest'
import { createTestHarness } from 'wrangler'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { type DatabaseProxy, startDatabaseProxy } from './database-proxy.ts'
import { noSharedCaps } from './no-shared-caps.ts'
import type { TestDatabase } from './start-database.ts'

export interface TestWorker {
  /** Without a slash at its end. */
  url: string
  model: OfflineModel
  database: DatabaseProxy
  /** What was called, in order: `database` for each round trip, `model` for each completion. */
  timeline: ('database' | 'model')[]
  /** What the Worker wrote to its log. */
  logs(): string[]
  /** Forgets calls, faults and logs. */
  clear(): void
  /** Runs the cron trigger, as the platform does; resolves once it is done. */
  scheduled(): Promise<void>
  close(): Promise<void>
}

export interface TestWorkerOptions {
  /** Settings beside those that lead to the parts of this test. */
  vars?: Record<string, string>
  pace?: 'instant' | 'reading'
  /** Whether those of wrangler.toml hold; by default none do, since tests send more than people. */
  rateLimits?: boolean
  /** One of its own, where the test would disturb others in the one that all share. */
  database?: Pick<TestDatabase, 'endpoint' | 'connectionString'>
}

/** A setting instead of the binding of this name. */
const noRateLimits = { ADDRESS_RATE_LIMITER: '', USER_RATE_LIMITER: '' }

/** What lets somebody in: a log of whatever test has none. */
const credential = /vst_[\w-]{43}|\beyJ[\w-]+\.[\w-]+\.|postgres(ql)?:\/\/\S+:\S+@/

/** The built Worker in workerd, by the real wrangler.toml, with a model and a database that fail on request. */
export async function startWorker({
  vars,
  pace,
  rateLimits = false,
  database: { endpoint, connectionString } = inject('database'),
}: TestWorkerOptions = {}): Promise<TestWorker> {
  const timeline: TestWorker['timeline'] = []
  const model = await startOfflineModel({
    pace: pace ?? 'instant',
    onRequest: () => timeline.push('model'),
  })
  const database = await startDatabaseProxy(endpoint, () => timeline.push('database'))
  const harness = createTestHarness({
    workers: [
      {
        configPath: 'wrangler.toml',
        prebuiltWorkerDir: inject('workerDir'),
        vars: {
          NEON_HTTP_ENDPOINT: database.url,
          OPENAI_BASE_URL: model.baseUrl,
          ...(!rateLimits && noRateLimits),
          ...noSharedCaps,
          ...vars,
        },
        secrets: { DATABASE_URL: vars?.['DATABASE_URL'] ?? connectionString },
      },
    ],
  })
  const { url } = await harness.listen()
  const logs = () => harness.getLogs().map(({ message }) => message)
  return {
    url: url.origin,
    model,
    database,
    timeline,
    logs,
    clear() {
      expectNoCredential(logs())
      timeline.length = 0
      model.clear()
      database.clear()
      harness.clearLogs()
    },
    async scheduled() {
      const { outcome } = await harness.getWorker().scheduled({ cron: '17 3 * * *' })
      if (outcome !== 'ok') throw new Error(`the cron trigger ended with ${outcome}`)
    },
    async close() {
      const lines = logs()
      await harness.close()
      await Promise.all([model.close(), database.close()])
      expectNoCredential(lines)
    },
  }
}

function expectNoCredential(lines: string[]): void {
  const line = lines.find((each) => credential.test(each))
  if (line !== undefined) throw new Error(`a credential is in the log: ${line}`)
}
