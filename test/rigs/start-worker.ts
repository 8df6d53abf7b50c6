import { join } from 'node:path'
import { inject } from 'vitest'
import { createTestHarness, unstable_readConfig as readConfig } from 'wrangler'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import type { RateLimiterName } from '../../src/http/app-env.ts'
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
  /** In a period of wrangler.toml's; by default there are none, since tests send more than people. */
  rateLimits?: Record<RateLimiterName, number>
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
  rateLimits,
  database: { endpoint, connectionString } = inject('database'),
}: TestWorkerOptions = {}): Promise<TestWorker> {
  const timeline: TestWorker['timeline'] = []
  const model = await startOfflineModel({
    pace: pace ?? 'instant',
    onRequest: () => timeline.push('model'),
  })
  const database = await startDatabaseProxy(endpoint, () => timeline.push('database'))
  const settings = {
    NEON_HTTP_ENDPOINT: database.url,
    OPENAI_BASE_URL: model.baseUrl,
    ...(!rateLimits && noRateLimits),
    ...noSharedCaps,
    ...vars,
  }
  const secrets = { DATABASE_URL: vars?.['DATABASE_URL'] ?? connectionString }
  const harness = createTestHarness({
    workers: [
      rateLimits
        ? { config: limitedConfig(rateLimits, { ...settings, ...secrets }) }
        : {
            configPath: 'wrangler.toml',
            prebuiltWorkerDir: inject('workerDir'),
            vars: settings,
            secrets,
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

interface RateLimitConfig {
  name: string
  namespace_id: string
  simple: { limit: number; period: 10 | 60 }
}

/** Those of wrangler.toml. */
export function configuredRateLimits(): RateLimitConfig[] {
  return readConfig({ config: 'wrangler.toml' }).ratelimits
}

/** As wrangler.toml, but for its assets, with limits that a test reaches soon. */
function limitedConfig(rateLimits: Record<string, number>, vars: Record<string, string>) {
  const {
    name = '',
    compatibility_date = '',
    compatibility_flags,
  } = readConfig({ config: 'wrangler.toml' })
  return {
    name,
    main: join(inject('workerDir'), 'index.js'),
    no_bundle: true,
    compatibility_date,
    compatibility_flags,
    vars,
    ratelimits: configuredRateLimits().map((each) => ({
      ...each,
      simple: { ...each.simple, limit: rateLimits[each.name] ?? 0 },
    })),
  }
}
