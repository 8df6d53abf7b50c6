import { Client, DatabaseError, Pool, Query } from 'pg'
import type { Connection, PoolClient, QueryArrayConfig, QueryArrayResult } from 'pg'
import { sessionReset } from './session-reset.ts'
import { SqlError } from './sql-backend.ts'
import type { SqlBackend, SqlResult } from './sql-backend.ts'

/**
 * Serves requests from a PostgreSQL server over TCP. Up to `poolSize` run at once; the others wait. A request whose
 * client has left is cancelled. As at Neon, an answer does not wait until its connection is reset.
 */
export function pgBackend(options: {
  connectionString: string
  poolSize?: number
}): SqlBackend & { close(): Promise<void> } {
  const { connectionString, poolSize = 50 } = options
  const pool = new Pool({ connectionString, max: poolSize })
  // The pool drops an idle connection that breaks, before the next request comes.
  pool.on('error', () => undefined)
  return {
    withConnection: async (use, signal) => {
      const client = await pool.connect().catch(throwNotConnected)
      // If the connection breaks between two statements, the next statement reports it.
      client.on('error', ignoreError)
      let cancelled: Promise<void> | undefined
      const cancel = () => {
        cancelled = cancelStatement(connectionString, client)
      }
      signal.addEventListener('abort', cancel)
      let hasSucceeded = false
      try {
        const result = await use((text, params = []) => {
          signal.throwIfAborted()
          return runStatement(client, text, params)
        })
        hasSucceeded = true
        return result
      } finally {
        signal.removeEventListener('abort', cancel)
        await cancelled
        // A cancel may reach its session late: a connection that was cancelled serves no other request.
        void release(client, hasSucceeded && !signal.aborted)
      }
    },
    close: () => pool.end(),
  }
}

/** Returns a connection to the pool in the state of a new session, or closes it. */
async function release(client: PoolClient, isReusable: boolean): Promise<void> {
  const isClean =
    isReusable && client.getTransactionStatus() === 'I' && (await resetSession(client))
  client.off('error', ignoreError)
  client.release(!isClean)
}

async function resetSession(client: PoolClient): Promise<boolean> {
  try {
    await client.query(sessionReset)
    return true
  } catch {
    return false
  }
}

function ignoreError(): void {}

function throwNotConnected(cause: unknown): never {
  const isRefusal = cause instanceof DatabaseError
  throw new SqlError(
    'connect',
    isRefusal ? cause.message : "Couldn't connect to compute node",
    isRefusal ? { fields: cause, cause } : { cause },
  )
}

/** PostgreSQL accepts a cancel only on another connection. The pool may have none left, so this opens one. */
async function cancelStatement(connectionString: string, client: PoolClient): Promise<void> {
  const processId: unknown = Reflect.get(client, 'processID')
  const canceller = new Client({ connectionString })
  canceller.on('error', ignoreError)
  try {
    await canceller.connect()
    await canceller.query('SELECT pg_cancel_backend($1)', [processId])
  } catch {
    // The statement runs to its end.
  } finally {
    await canceller.end().catch(ignoreError)
  }
}

async function runStatement(
  client: PoolClient,
  text: string,
  params: (string | null)[],
): Promise<SqlResult> {
  const config: QueryArrayConfig<(string | null)[]> & { queryMode: 'extended' } = {
    text,
    values: params,
    rowMode: 'array',
    queryMode: 'extended',
    types: { getTypeParser: () => (value: string) => value },
  }
  const query = Object.assign(new Query<(string | null)[]>(config), { handleCopyInResponse })
  const ended = new Promise<QueryArrayResult<(string | null)[]>>((resolve, reject) => {
    query.on('end', resolve).on('error', reject)
  })
  client.query(query)
  try {
    const { fields, rows, command, rowCount } = await ended
    return { fields, rows, command: command ?? '', rowCount }
  } catch (cause) {
    if (cause instanceof DatabaseError) {
      throw new SqlError('statement', cause.message, { fields: cause, cause })
    }
    throw new SqlError('lost', 'connection closed', { cause })
  }
}

/**
 * Refuses COPY FROM STDIN. This replaces pg's own handler, which waits for ever in the extended protocol: the server
 * has skipped the Sync that came before the refusal and expects another one.
 */
function handleCopyInResponse(connection: Connection & { sendCopyFail(reason: string): void }) {
  connection.sendCopyFail('COPY needs a connection that can send data')
  connection.sync()
}
