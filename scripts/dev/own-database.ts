import { createDatabase } from '../../src/db/database.ts'
import { appliedSchemaVersion } from '../../src/db/schema-version.ts'
import { isLoopbackHost } from '../../src/env/database-url.ts'
import { Problem } from '../../src/errors.ts'
import { connect } from '../migrate/connect.ts'
import { MigrationError } from '../migrate/migration-error.ts'
import { DevError } from './dev-error.ts'

/** The settings that name a database of the developer. */
export interface OwnDatabase {
  /** DATABASE_URL as it was given. */
  url: string
  /** NEON_HTTP_ENDPOINT; if it is absent, a server on this machine is reached over the protocol of PostgreSQL. */
  endpoint: string | undefined
}

/** A computer that sleeps needs some seconds to wake: then the Worker waits for it. */
const timeoutMs = 5_000

/** Whether the server is one on this machine that does not speak HTTP, as Neon does. */
export function needsEndpoint({ url, endpoint }: OwnDatabase): boolean {
  return endpoint === undefined && isLoopbackHost(URL.parse(url)?.hostname ?? '')
}

/**
 * DATABASE_URL for the Worker, whose driver demands a password. A server on this machine may trust its users without one.
 * Then any password will do, because the local endpoint connects by the URL as it was given.
 */
export function urlForWorker(databaseUrl: string): string {
  const url = URL.parse(databaseUrl)
  if (!url || !isLoopbackHost(url.hostname) || url.password !== '') return databaseUrl
  url.password = 'none'
  return url.href
}

/**
 * Asks the database once, before anything starts.
 * @throws DevError if it refuses, or is not there; not if it is slow or behind, because waiting may help then
 */
export async function reachDatabase(database: OwnDatabase): Promise<void> {
  const fault = needsEndpoint(database)
    ? await serverFault(database.url)
    : await httpFault(database)
  if (fault === undefined) return
  throw new DevError(
    `the database of DATABASE_URL cannot be used: ${fault}\nWithout DATABASE_URL, this starts a database of its own.`,
  )
}

async function serverFault(url: string): Promise<string | undefined> {
  try {
    const client = await connect(url, process.env)
    await client.close()
    return undefined
  } catch (error) {
    if (error instanceof MigrationError) return error.message
    throw error
  }
}

async function httpFault({ url, endpoint }: OwnDatabase): Promise<string | undefined> {
  const { host } = new URL(url)
  try {
    await appliedSchemaVersion(createDatabase({ connectionString: url, endpoint, timeoutMs }))
    return undefined
  } catch (error) {
    if (error instanceof Problem && error.code === 'misconfigured') return error.message
    const code = networkCode(error)
    if (code === undefined || /TIMEDOUT|TIMEOUT|ECONNRESET|UND_ERR/.test(code)) return undefined
    return /^(ENOTFOUND|EAI_)/.test(code)
      ? `its host ${host} was not found (${code}). Check the name, and whether this machine is online.`
      : `its host ${host} was not reached (${code}).`
  }
}

/** Such as ENOTFOUND, from the error of the system that is the cause of the others. */
function networkCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const {
    code,
    sourceError,
    cause = sourceError,
  } = error as Error & {
    code?: unknown
    sourceError?: unknown
  }
  const deeper = cause instanceof AggregateError ? cause.errors[0] : cause
  return networkCode(deeper) ?? (/^[A-Z_]{3,}$/.test(String(code)) ? String(code) : undefined)
}
