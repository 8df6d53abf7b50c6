import { Worker } from 'node:worker_threads'
import { Client } from 'pg'
import { startNeonHttp } from '../../scripts/dev/neon-http.ts'
import { pgBackend } from '../../scripts/dev/pg-backend.ts'
import { startPostgresServer } from '../../scripts/dev/postgres-server.ts'
import { migrate } from '../../scripts/migrate/migrate.ts'
import type { PgliteWorkerReply, PgliteWorkerRequest } from './pglite-worker.ts'

export type DatabaseKind = 'pglite' | 'postgres'

export interface TestDatabase {
  kind: DatabaseKind
  /** For `neon()`. With kind `postgres` it is also the server's own, over TCP. */
  connectionString: string
  /** For `neonConfig.fetchEndpoint`. */
  endpoint: string
  /** Runs a script of any number of statements without the endpoint: migrations, test data. */
  exec(script: string): Promise<void>
  /** Applies `migrations/`. */
  migrate(): Promise<void>
  close(): Promise<void>
}

/** `TEST_DATABASE`: `pglite`, the default, or `postgres`. */
export function databaseKind(): DatabaseKind {
  const kind = process.env['TEST_DATABASE'] ?? 'pglite'
  if (kind === 'pglite' || kind === 'postgres') return kind
  throw new Error(`TEST_DATABASE is "${kind}": it must be pglite or postgres`)
}

/** Starts an empty database behind a local Neon endpoint. */
export function startDatabase(kind = databaseKind()): Promise<TestDatabase> {
  return kind === 'postgres' ? startOnPostgres() : startOnPglite()
}

async function startOnPostgres(): Promise<TestDatabase> {
  const server = await startPostgresServer()
  const { connectionString } = server
  const backend = pgBackend({ connectionString })
  const endpoint = await startNeonHttp({ backend, connectionString })
  return {
    kind: 'postgres',
    connectionString,
    endpoint: endpoint.url,
    exec: async (script) => {
      await withClient(connectionString, (client) => client.query(script))
    },
    migrate: async () => {
      await withClient(connectionString, (client) => migrate(client, { folder: 'migrations' }))
    },
    close: async () => {
      await endpoint.close()
      await backend.close()
      await server.stop()
    },
  }
}

async function withClient(connectionString: string, use: (client: Client) => Promise<unknown>) {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}

/** PGlite blocks the event loop while it works, so it has a thread of its own. */
async function startOnPglite(): Promise<TestDatabase> {
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url))
  const waiting = new Map<number, PromiseWithResolvers<PgliteWorkerReply>>()
  const fail = (error: unknown) => waiting.forEach(({ reject }) => reject(error))
  worker.on('error', fail)
  worker.on('exit', () => fail(new Error('the thread of PGlite has ended')))
  worker.on('message', (reply: PgliteWorkerReply) => waiting.get(reply.id)?.resolve(reply))

  let lastId = 0
  const ask = async (request: PgliteWorkerRequest): Promise<PgliteWorkerReply> => {
    if (worker.threadId === -1) throw new Error('the thread of PGlite has ended')
    const id = (lastId += 1)
    const answer = Promise.withResolvers<PgliteWorkerReply>()
    waiting.set(id, answer)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage({ id, request })
    const reply = await answer.promise.finally(() => waiting.delete(id))
    if (reply.error !== undefined) throw reply.error
    return reply
  }

  const { connectionString, endpoint } = await ask({ command: 'start' })
  if (!connectionString || !endpoint) throw new Error('the thread of PGlite named no endpoint')
  return {
    kind: 'pglite',
    connectionString,
    endpoint,
    exec: async (script) => {
      await ask({ command: 'exec', script })
    },
    migrate: async () => {
      await ask({ command: 'migrate' })
    },
    close: async () => {
      await ask({ command: 'close' })
      await worker.terminate()
    },
  }
}
