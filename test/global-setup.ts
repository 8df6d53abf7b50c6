import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { unstable_readConfig as readConfig } from 'wrangler'
import { leaveNoProcess } from './rigs/leave-no-process.ts'
import { type DatabaseKind, startDatabase } from './rigs/start-database.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A migrated database that all tests share. Each test works with its own users and sessions. */
    database: { kind: 'pglite' | 'postgres'; connectionString: string; endpoint: string }
    /** The folder of the built Worker. */
    workerDir: string
    /** The compatibility settings of the built Worker, from wrangler.toml. */
    compatibility: { compatibilityDate: string; compatibilityFlags: string[] }
  }
}

/** Builds the Worker as it is deployed and starts the database, once for all test files. */
export default async function setup(project: TestProject) {
  leaveNoProcess()
  const workerDir = await mkdtemp(join(tmpdir(), 'worker-'))
  // vitest does not wait for the teardown below when a signal ends it.
  process.once('exit', () => rmSync(workerDir, { recursive: true, force: true }))
  const [database] = await Promise.all([
    startMigrated(project.config.env['TEST_DATABASE']),
    promisify(execFile)('wrangler', ['deploy', '--dry-run', '--outdir', workerDir], {
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: 'true' },
    }),
  ])
  const { kind, connectionString, endpoint } = database
  project.provide('database', { kind, connectionString, endpoint })
  project.provide('workerDir', workerDir)
  const config = readConfig({ config: 'wrangler.toml' })
  project.provide('compatibility', {
    compatibilityDate: config.compatibility_date ?? '',
    compatibilityFlags: config.compatibility_flags,
  })
  return async () => {
    await database.close()
    await rm(workerDir, { recursive: true })
  }
}

async function startMigrated(kind: unknown) {
  const database = await startDatabase(kind as DatabaseKind)
  await database.migrate()
  return database
}
