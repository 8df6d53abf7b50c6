import { parentPort, workerData } from 'node:worker_threads'
import { describeError } from '../migrate/describe-error.ts'
import { migrate } from '../migrate/migrate.ts'
import { startNeonHttp } from './neon-http.ts'
import { pgliteBackend } from './pglite-backend.ts'
import { startPglite } from './start-pglite.ts'

/** The thread reports once to its parent that it is ready, or why it failed. Any message to the thread closes it. */
export type DatabaseThreadReply =
  | { connectionString: string; endpoint: string; applied: string[] }
  | { error: string }

async function start({ dataDir, folder }: { dataDir: string; folder: string }) {
  const pglite = await startPglite({ dataDir })
  try {
    const { applied } = await migrate(pglite.db, { folder }).catch((error: unknown) => {
      throw new Error(
        `${describeError(error)}\nTo begin with an empty database, delete ${dataDir}`,
        { cause: error },
      )
    })
    const { connectionString } = pglite
    const http = await startNeonHttp({ backend: pgliteBackend(pglite.db), connectionString })
    parentPort?.once('message', async () => {
      await http.close()
      await pglite.close()
      parentPort?.close()
    })
    reply({ connectionString, endpoint: http.url, applied })
  } catch (error) {
    await pglite.close()
    throw error
  }
}

function reply(message: DatabaseThreadReply): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(message)
}

try {
  await start(workerData as Parameters<typeof start>[0])
} catch (error) {
  reply({ error: describeError(error) })
}
