import { afterAll, beforeAll, beforeEach, inject } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { countPromptTokens } from '../../scripts/dev/offline-model/token-count.ts'
import { type Client, createClient } from './client.ts'
import { type DatabaseProxy, startDatabaseProxy } from './database-proxy.ts'
import { expectNoCredential } from './expect-no-credential.ts'
import type { TestDatabase } from './start-database.ts'
import { startWorkerd, type Workerd, type WorkerdOptions } from './start-workerd.ts'

type Vars = Record<string, string>

export interface Rig {
  /** Of the Worker, without a slash at its end. */
  url: string
  worker: Workerd
  model: OfflineModel
  database: DatabaseProxy
  /** The calls in their order: `database` for each round trip, `model` for each completion. */
  timeline: ('database' | 'model')[]
  /** The lines that the Worker wrote to its log. */
  logs(): string[]
  /** Forgets calls, faults and logs. */
  clear(): void
  close(): Promise<void>
}

export interface RigOptions extends WorkerdOptions {
  /** A database of its own, for a test that would disturb others in the one that all share. */
  database?: Pick<TestDatabase, 'endpoint' | 'connectionString'>
}

/** The built Worker in a workerd process, with a model and a database that fail on request. */
export async function startRig(
  vars: Vars = {},
  { database: { endpoint, connectionString } = inject('database'), ...options }: RigOptions = {},
): Promise<Rig> {
  // Loads the model's vocabulary, so that a first completion keeps within the short deadlines of a test.
  await countPromptTokens([])
  const timeline: Rig['timeline'] = []
  const model = await startOfflineModel({ onRequest: () => timeline.push('model') })
  const database = await startDatabaseProxy(endpoint, () => timeline.push('database'))
  const worker = await startWorkerd(
    {
      DATABASE_URL: connectionString,
      NEON_HTTP_ENDPOINT: database.url,
      OPENAI_BASE_URL: model.baseUrl,
      ...vars,
    },
    options,
  )
  return {
    url: worker.url,
    worker,
    model,
    database,
    timeline,
    logs: () => worker.logs(),
    clear() {
      expectNoCredential(worker.logs())
      timeline.length = 0
      model.clear()
      database.clear()
      worker.clearLogs()
    },
    async close() {
      await worker.close()
      await Promise.all([model.close(), database.close()])
      expectNoCredential(worker.logs())
    },
  }
}

/**
 * A rig and a visitor for the tests of one file or one `describe`, which calls it at its top: started before the first
 * test, cleared before each, closed after the last.
 */
export function useRig(
  vars: Vars | (() => Vars | Promise<Vars>) = {},
  options: RigOptions = {},
): Readonly<{ rig: Rig; visitor: Client }> {
  let started: Rig | undefined
  // Its members exist only after it has started.
  const rig = new Proxy({} as Rig, { get: (_, name) => Reflect.get(started ?? {}, name) })
  const visitor = createClient(() => rig.url)
  beforeAll(async () => {
    started = await startRig(typeof vars === 'function' ? await vars() : vars, options)
    visitor.token = (await visitor.expect(201, 'POST', '/v1/visitors')).visitor_token
  })
  beforeEach(() => rig.clear())
  afterAll(() => started?.close())
  return { rig, visitor }
}
