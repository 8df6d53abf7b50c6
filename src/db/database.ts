import { neon, neonConfig } from '@neondatabase/serverless'
import { type CompiledQuery, Kysely } from 'kysely'
import { NeonDialect } from 'kysely-neon'
import { throwProblem } from './database-fault.ts'
import type { Schema } from './schema.ts'

/**
 * Every statement gets a timeout in the database, except in `single`: a statement that its caller has given up would
 * otherwise run on. A timeout can only be set in a transaction, so `kysely` and `batch` send a transaction in one request.
 */
export interface Database {
  /** For single statements. `kysely.transaction()` throws, because HTTP holds no connection. */
  kysely: Kysely<Schema>
  /**
   * Runs statements in one round trip and one READ COMMITTED transaction: each statement sees what the previous ones
   * wrote and waited for, but cannot take their results as parameters.
   * @returns the rows of each statement
   */
  batch<const Queries extends readonly CompiledQuery[]>(
    queries: Queries,
    options?: CallOptions,
  ): Promise<RowsOf<Queries>>
  /**
   * Runs one statement alone: without a transaction and without a timeout in the database, which would be more round
   * trips between Neon's proxy and the compute. Only for statements that read a few rows by their keys, or that bound
   * their own waits.
   * @returns its rows
   */
  single<Row>(query: CompiledQuery<Row>, options?: CallOptions): Promise<Row[]>
  timeoutMs: number
}

export interface CallOptions {
  /** How long the call may take, the answer included; by default `timeoutMs` of the database. */
  timeoutMs?: number
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

type Statement = Pick<CompiledQuery, 'sql' | 'parameters'>

/** How much sooner the database gives up than the Worker, so that its answer still arrives. */
const answerMs = 1_000

/** The first statement of a transaction: sets the timeout of each of the following statements. */
function statementTimeout(callMs: number): Statement {
  const timeoutMs = Math.max(1, Math.floor(callMs * 0.9), callMs - answerMs)
  return {
    sql: `select set_config('statement_timeout', $1, true)`,
    parameters: [String(timeoutMs)],
  }
}

/**
 * Opens no connection: each call is a request of its own. Every call throws Problem `database_unavailable` if the
 * database does not answer, or not in time, and `database_timeout` if the database gave up by itself.
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

  async function transaction(queries: readonly Statement[], callMs: number) {
    const statements = [statementTimeout(callMs), ...queries].map(({ sql, parameters }) =>
      client.query(sql, [...parameters]),
    )
    const fetchOptions = { signal: AbortSignal.timeout(callMs) }
    const options = { isolationLevel: 'ReadCommitted', fullResults: true, fetchOptions } as const
    const [, ...results] = await client.transaction(statements, options).catch(throwProblem)
    if (results.length !== queries.length) throwProblem(new TypeError('results are missing'))
    return results
  }

  const dialect = new NeonDialect({
    neon: () => ({
      query: async (sql, parameters = []) => {
        const [result] = await transaction([{ sql, parameters }], timeoutMs)
        return result as never
      },
    }),
  })

  return {
    kysely: new Kysely<Schema>({ dialect }),
    timeoutMs,
    async batch(queries, options) {
      const results = await transaction(queries, options?.timeoutMs ?? timeoutMs)
      return results.map(({ rows }) => rows) as never
    },
    async single({ sql, parameters }, options) {
      const fetchOptions = { signal: AbortSignal.timeout(options?.timeoutMs ?? timeoutMs) }
      const rows = await client.query(sql, [...parameters], { fetchOptions }).catch(throwProblem)
      return rows as never
    },
  }
}
