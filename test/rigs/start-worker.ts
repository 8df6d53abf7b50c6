import { join } from 'node:path'
import { inject } from 'vitest'
import { createTestHarness, unstable_readConfig as readConfig } from 'wrangler'
import { startOfflineModel } from '../../scripts/dev/offline-model.ts'
import type { RateLimiterName } from '../../src/http/app-env.ts'
import { startDatabaseProxy } from './database-proxy.ts'
import { expectNoCredential } from './expect-no-credential.ts'
import { noSharedCaps } from './no-shared-caps.ts'
import type { Rig, RigOptions } from './start-rig.ts'
import { usualObjects } from './start-workerd.ts'

export interface TestWorker extends Omit<Rig, 'worker'> {
  /** Runs the cron trigger, as the platform does; resolves once it is done. */
  scheduled(): Promise<void>
}

export interface TestWorkerOptions extends Pick<RigOptions, 'database'> {
  /** Settings in addition to those of this test's parts. */
  vars?: Record<string, string>
  /** Per period of wrangler.toml. By default there are none, since tests send more requests than people. */
  rateLimits?: Record<RateLimiterName, number>
}

/** A setting instead of the binding of this name. */
const noRateLimits = { ADDRESS_RATE_LIMITER: '', USER_RATE_LIMITER: '', JOIN_RATE_LIMITER: '' }

/**
 * The built Worker as wrangler runs it, by the real wrangler.toml: with assets, rate limits and the cron trigger. For
 * tests of these; for all others `startRig` is cheaper.
 */
export async function startWorker({
  vars,
  rateLimits,
  database: { endpoint, connectionString } = inject('database'),
}: TestWorkerOptions = {}): Promise<TestWorker> {
  const timeline: TestWorker['timeline'] = []
  const model = await startOfflineModel({ onRequest: () => timeline.push('model') })
  const database = await startDatabaseProxy(endpoint, () => timeline.push('database'))
  const settings = {
    NEON_HTTP_ENDPOINT: database.url,
    OPENAI_BASE_URL: model.baseUrl,
    ...(!rateLimits && noRateLimits),
    ...noSharedCaps,
    ...usualObjects,
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

interface RateLimitConfig {
  name: string
  namespace_id: string
  simple: { limit: number; period: 10 | 60 }
}

/** Those of wrangler.toml. */
export function configuredRateLimits(): RateLimitConfig[] {
  return readConfig({ config: 'wrangler.toml' }).ratelimits
}

/** As wrangler.toml, without its assets, and with limits that a test reaches soon. */
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
