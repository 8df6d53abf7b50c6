import { parentPort } from 'node:worker_threads'
import { startNeonHttp } from '../../scripts/dev/neon-http.ts'
import { pgliteBackend } from '../../scripts/dev/pglite-backend.ts'
import { startPglite } from '../../scripts/dev/start-pglite.ts'
import { migrate } from '../../scripts/migrate/migrate.ts'

export type PgliteWorkerRequest =
  | { command: 'start' }
  | { command: 'exec'; script: string }
  | { command: 'migrate' }
  | { command: 'close' }

/** The reply to `start` has the connection string and the endpoint; the reply to a failed request has `error`. */
export interface PgliteWorkerReply {
  id: number
  connectionString?: string
  endpoint?: string
  error?: unknown
}

type Running = Awaited<ReturnType<typeof start>>

async function start() {
  const pglite = await startPglite()
  const { connectionString } = pglite
  const http = await startNeonHttp({ backend: pgliteBackend(pglite.db), connectionString })
  return { pglite, http }
}

let running: Running | undefined

async function obey(request: PgliteWorkerRequest): Promise<Omit<PgliteWorkerReply, 'id'>> {
  if (request.command === 'start') {
    running = await start()
    return { connectionString: running.pglite.connectionString, endpoint: running.http.url }
  }
  if (request.command === 'exec') {
    await running?.pglite.db.exec(request.script)
    return {}
  }
  if (request.command === 'migrate') {
    if (running) await migrate(running.pglite.db, { folder: 'migrations' })
    return {}
  }
  await running?.http.close()
  await running?.pglite.close()
  return {}
}

function reply(message: PgliteWorkerReply): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(message)
}

parentPort?.on('message', ({ id, request }: { id: number; request: PgliteWorkerRequest }) => {
  obey(request).then(
    (answer) => reply({ id, ...answer }),
    (error: unknown) => reply({ id, error }),
  )
})
