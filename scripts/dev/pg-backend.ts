import { Client, DatabaseError, Pool, Query } from 'pg'
import type { Connection, PoolClient, QueryArrayConfig, QueryArrayResult } from 'pg'
import { SqlError } from './sql-backend.ts'
import type { RunSql, SqlBackend, SqlResult } from './sql-backend.ts'

/**
 * Serves requests from a PostgreSQL server over TCP. Up to `poolSize` run at once, the others wait
 * for their turn. A request whose client has left is cancelled, as Neon does.
 */
export function pgBackend(options: {
  connectionString: string
  poolSize?: number
}): SqlBackend & { close(): Promise<void> } {
  const { connectionString, poolSize = 50 } = options
  const pool = new Pool({ connectionString, max: poolSize })
  // An idle connection that breaks is no longer in the pool when the next request comes.
  pool.on('error', () => undefined)
  return {
    withConnection: async (use, signal) => {
      const client = await pool.connect().catch(throwNotConnected)
      // One that breaks between two statements is reported by the next of them.
      client.on('error', ignoreError)
      let cancelled: Promise<void> | undefined
      const cancel = () => {
        cancelled = cancelStatement(connectionString, client)
      }
      signal.addEventListener('abort', cancel)
      const run: RunSql = (text, params = []) => {
        signal.throwIfAborted()
        return runStatement(client, text, params)
      }
      try {
        return await use(run)
      } finally {
        signal.removeEventListener('abort', cancel)
        await cancelled
        // A cancel may reach its session late: one that was cancelled serves no other request.
        const isClean = !signal.aborted && (await resetSession(client))
        client.off('error', ignoreError)
        client.release(!isClean)
      }
    },
    close: () => pool.end(),
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

/** Whether the session is as good as new. */
async function resetSession(client: PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK')
    await client.query('DISCARD ALL')
    return true
  } catch {
    return false
  }
}

/** PostgreSQL takes a cancel on another connection only. The pool may have none left: open one. */
async function cancelStatement(connectionString: string, client: PoolClient): Promise<void> {
  const processId: unknown = Reflect.get(client, 'processID')
  const canceller = new Client({ connectionString })
  canceller.on('error', ignoreError)
  try {
    await canceller.connect()
    await canceller.query('SELECT pg_cancel_backend($1)', [processId])
  } catch {
    // Then the statement runs to its end.
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
 * Refuses COPY FROM STDIN. pg's own handler, which this replaces, waits for ever in the extended
 * protocol: the server has passed over the Sync that came before the refusal, and wants another.
 */
function handleCopyInResponse(connection: Connection & { sendCopyFail(reason: string): void }) {
  connection.sendCopyFail('COPY needs a connection that can send data')
  connection.sync()
}
