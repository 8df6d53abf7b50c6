import { inject } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { type DatabaseCall, type DatabaseProxy, startDatabaseProxy } from './database-proxy.ts'
import { startWorkerd, type Workerd } from './start-workerd.ts'

export interface Rig {
  worker: Workerd
  model: OfflineModel
  database: DatabaseProxy
  close(): Promise<void>
}

/**
 * The built Worker in a workerd process of its own, which lets the model see that a call was aborted, with a model and
 * a database that fail on request.
 */
export async function startRig(vars: Record<string, string> = {}): Promise<Rig> {
  const { connectionString, endpoint } = inject('database')
  const model = await startOfflineModel()
  const database = await startDatabaseProxy(endpoint)
  const worker = await startWorkerd({
    DATABASE_URL: connectionString,
    NEON_HTTP_ENDPOINT: database.url,
    OPENAI_BASE_URL: model.baseUrl,
    ...vars,
  })
  return {
    worker,
    model,
    database,
    async close() {
      await worker.close()
      await Promise.all([model.close(), database.close()])
    },
  }
}

export type TurnCall = 'begin' | 'checkpoint' | 'finish'

/** Which call of a turn this is; undefined: of none. */
export function turnCall({ statements }: DatabaseCall): TurnCall | undefined {
  const calls = ['begin', 'checkpoint', 'finish'] as const
  return calls.find((call) => statements.some((statement) => statement.includes(`${call}_turn`)))
}
