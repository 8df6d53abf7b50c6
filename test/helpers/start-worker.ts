import { inject } from 'vitest'
import { createTestHarness } from 'wrangler'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { type DatabaseProxy, startDatabaseProxy } from './database-proxy.ts'

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
  close(): Promise<void>
}

export interface TestWorkerOptions {
  /** Settings beside those that lead to the parts of this test. */
  vars?: Record<string, string>
  pace?: 'instant' | 'reading'
}

/** The built Worker in workerd, by the real wrangler.toml, with a model and a database that fail on request. */
export async function startWorker({ vars, pace }: TestWorkerOptions = {}): Promise<TestWorker> {
  const timeline: TestWorker['timeline'] = []
  const model = await startOfflineModel({
    pace: pace ?? 'instant',
    onRequest: () => timeline.push('model'),
  })
  const { endpoint, connectionString } = inject('database')
  const database = await startDatabaseProxy(endpoint, () => timeline.push('database'))
  const harness = createTestHarness({
    workers: [
      {
        configPath: 'wrangler.toml',
        prebuiltWorkerDir: inject('workerDir'),
        vars: {
          NEON_HTTP_ENDPOINT: database.url,
          OPENAI_BASE_URL: model.baseUrl,
          ...vars,
        },
        secrets: { DATABASE_URL: vars?.['DATABASE_URL'] ?? connectionString },
      },
    ],
  })
  const { url } = await harness.listen()
  return {
    url: url.origin,
    model,
    database,
    timeline,
    logs: () => harness.getLogs().map(({ message }) => message),
    clear() {
      timeline.length = 0
      model.clear()
      database.clear()
      harness.clearLogs()
    },
    async close() {
      await harness.close()
      await Promise.all([model.close(), database.close()])
    },
  }
}
