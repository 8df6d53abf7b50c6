import { NeonDbError, neon, neonConfig } from '@neondatabase/serverless'
import { type CompiledQuery, Kysely } from 'kysely'
import { NeonDialect } from 'kysely-neon'
import { Problem } from '../errors.ts'
import type { Schema } from './schema.ts'

export interface Database {
  /** For single statements. `kysely.transaction()` throws, because HTTP holds no connection. */
  kysely: Kysely<Schema>
  /**
   * Runs statements in one round trip. Several run in one READ COMMITTED transaction: each statement sees what the
   * previous ones wrote and waited for, but cannot take their results as parameters. One alone is a single query, as
   * BEGIN and COMMIT would be more round trips between Neon's proxy and the compute.
   * @returns the rows of each statement
   */
  batch<const Queries extends readonly CompiledQuery[]>(
    queries: Queries,
    options?: { timeoutMs?: number },
  ): Promise<RowsOf<Queries>>
  timeoutMs: number
}

type RowsOf<Queries> = {
  -readonly [Index in keyof Queries]: Queries[Index] extends CompiledQuery<infer Row>
    ? Row[]
    : never
}

export interface DatabaseOptions {
  connectionString: string
  /** The full URL to which SQL is sent; undefined: Neon's own, derived from the host of the connection string. */
  endpoint?: string | undefined
  /** How long a call may take, the answer included. */
  timeoutMs: number
}

/**
 * Opens no connection: each call is a request of its own. Every call throws Problem `database_unavailable` if the
 * database does not answer, or not in time.
 */
export function createDatabase({
  connectionString,
  endpoint,
  timeoutMs,
}: DatabaseOptions): Database {
  // The driver takes these two only for the whole isolate. They depend on nothing but settings, so they never differ.
  if (endpoint !== undefined) neonConfig.fetchEndpoint = endpoint
  neonConfig.fetchFunction = (url: string, init: RequestInit) =>
    fetch(url, { ...init, signal: init.signal ?? AbortSignal.timeout(timeoutMs) })

  const client = neon(connectionString)
  const dialect = new NeonDialect({
    neon: () => ({
      query: (sql, parameters, queryOptions) =>
        client.query(sql, parameters, queryOptions).catch(throwProblem),
    }),
  })

  return {
    kysely: new Kysely<Schema>({ dialect }),
    timeoutMs,
    async batch(queries, options) {
      const fetchOptions = { signal: AbortSignal.timeout(options?.timeoutMs ?? timeoutMs) }
      const [only] = queries
      if (only !== undefined && queries.length === 1) {
        const rows = await client
          .query(only.sql, [...only.parameters], { fetchOptions })
          .catch(throwProblem)
        return [rows] as never
      }
      const statements = queries.map(({ sql, parameters }) => client.query(sql, [...parameters]))
      const results = await client
        .transaction(statements, { isolationLevel: 'ReadCommitted', fetchOptions })
        .catch(throwProblem)
      if (results.length !== statements.length) throwProblem(new TypeError('results are missing'))
      return results as never
    },
  }
}

/** Only an SQLSTATE is a definite answer. After any other failure, the statement may have been committed. */
function throwProblem(cause: unknown): never {
  const sqlState = sqlStateOf(cause)
  if (!/^[0-9A-Z]{5}$/.test(sqlState) || isTransient(sqlState))
    throw new Problem('database_unavailable', { retryAfterSeconds: 2, cause })
  if (schemaFaults.includes(sqlState))
    throw new Problem('schema_outdated', { detail: 'Run: npm run migrate', cause })
  if (sqlState === 'NC001') throw new Problem('misconfigured', { ...wrongIsolation, cause })
  if (sqlState.startsWith('28') || sqlState === '3D000')
    throw new Problem('misconfigured', {
      detail: `DATABASE_URL was refused by the database (${sqlState})`,
      members: { settings: [{ name: 'DATABASE_URL', message: 'was refused by the database' }] },
      cause,
    })
  throw cause
}

/** An undefined table, column, function or type. */
const schemaFaults = ['42P01', '42703', '42883', '42704']

/** The database's own default is READ COMMITTED, so somebody has changed it. */
const wrongIsolation = {
  detail: 'default_transaction_isolation of the database role must be read committed',
  members: {
    settings: [{ name: 'DATABASE_URL', message: 'names a role that does not use READ COMMITTED' }],
  },
}

/** Neon's proxy refuses a password without an SQLSTATE, and reports that of an unknown database in the text of a 500. */
function sqlStateOf(cause: unknown): string {
  if (!(cause instanceof NeonDbError)) return ''
  if (cause.code) return cause.code
  if (cause.message.startsWith('password authentication failed')) return '28P01'
  return /^Server error .*"code":"(28\w{3}|3D000)"/.exec(cause.message)?.[1] ?? ''
}

/**
 * Connection, resources, operator intervention, system error, rolled back because of another transaction, or a lock that
 * was not free in time.
 */
function isTransient(sqlState: string): boolean {
  return /^(08|53|57|58|40|55P03)/.test(sqlState)
}
