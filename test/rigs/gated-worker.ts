import { inject } from 'vitest'
import { type DatabaseGate, startDatabaseGate } from './database-gate.ts'
import { startWorkerd, type Workerd, type WorkerdOptions } from './start-workerd.ts'

export interface GatedWorker extends Workerd {
  gate: DatabaseGate
}

/** A workerd process that a test may kill or pause, with a gate of its own before the shared database. */
export async function startGatedWorker(
  modelUrl: string,
  vars: Record<string, string> = {},
  options: WorkerdOptions = {},
): Promise<GatedWorker> {
  const { connectionString, endpoint } = inject('database')
  const gate = await startDatabaseGate(endpoint)
  const worker = await startWorkerd(
    {
      DATABASE_URL: connectionString,
      NEON_HTTP_ENDPOINT: gate.url,
      OPENAI_BASE_URL: modelUrl,
      ...vars,
    },
    options,
  )
  return {
    ...worker,
    gate,
    async close() {
      await worker.close()
      await gate.close()
    },
  }
}
