import { Client } from 'pg'
import { databaseUrlFault } from '../../src/env/database-url.ts'
import { DevError } from '../dev/dev-error.ts'
import { readDevVars } from '../dev/read-dev-vars.ts'
import { describeError, isServerError } from './describe-error.ts'
import type { MigrationClient } from './migration-client.ts'
import { MigrationError } from './migration-error.ts'

const defaultConnectSeconds = 15

/**
 * Reads DATABASE_URL from the environment or else from `.dev.vars` in the current folder. Refuses an empty one: it is a
 * missing secret in CI, and must not lead to the developer's own database.
 */
export async function findDatabaseUrl(
  environment: NodeJS.ProcessEnv,
): Promise<{ url: string; source: 'environment' | '.dev.vars' }> {
  const url = environment.DATABASE_URL
  if (url !== undefined && url.trim() === '') throw new MigrationError('DATABASE_URL is empty')
  if (url !== undefined) return { url, source: 'environment' }

  const local = (await readDevVars('.dev.vars').catch(throwRefusal))['DATABASE_URL']
  if (!local) {
    throw new MigrationError('DATABASE_URL is missing: set it in the environment or in .dev.vars')
  }
  return { url: local, source: '.dev.vars' }
}

function throwRefusal(error: unknown): never {
  throw error instanceof DevError ? new MigrationError(error.message) : error
}

/**
 * Connects to the server over TCP. As for psql, `PGCONNECT_TIMEOUT` is the deadline in seconds; the default is 15.
 * Throws a MigrationError with the reason; it never contains the URL or its password.
 */
export async function connect(
  databaseUrl: string,
  environment: NodeJS.ProcessEnv,
): Promise<MigrationClient & { close(): Promise<void> }> {
  const timeout = Number(environment.PGCONNECT_TIMEOUT)
  const seconds = timeout > 0 ? timeout : defaultConnectSeconds
  const client = createClient(parseDatabaseUrl(databaseUrl), seconds)
  // If the connection is lost between two queries, the next query fails.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    // A server that got no password waits for one, and its connection would keep this process alive.
    client.end().catch(() => {})
    const silent = error instanceof Error && error.message === 'timeout expired'
    const reason = silent ? `no answer within ${seconds} s` : reasonOf(error)
    throw new MigrationError(`could not connect to ${client.host}:${client.port}: ${reason}`)
  }
  return {
    async query(sql, params) {
      try {
        return await client.query<Record<string, unknown>>(sql, params)
      } catch (error) {
        if (isServerError(error)) throw error
        throw new MigrationError(
          `the connection was lost (${reasonOf(error)}): run it again, and it goes on where it stopped`,
        )
      }
    },
    close: () => client.end(),
  }
}

function parseDatabaseUrl(databaseUrl: string): URL {
  const fault = databaseUrlFault(databaseUrl, { isPasswordOptional: true })
  if (fault !== undefined) throw new MigrationError(`DATABASE_URL ${fault}`)
  const url = new URL(databaseUrl)
  // pg treats these three as verify-full and warns about it. Naming verify-full avoids the warning.
  if (/^(prefer|require|verify-ca)$/.test(url.searchParams.get('sslmode') ?? '')) {
    if (!url.searchParams.has('uselibpqcompat')) url.searchParams.set('sslmode', 'verify-full')
  }
  return url
}

function createClient(url: URL, connectSeconds: number): Client {
  let client: Client
  try {
    client = new Client({
      connectionString: url.href,
      application_name: 'neon-chat-history migrate',
      connectionTimeoutMillis: connectSeconds * 1_000,
      // Without it, a silent network is noticed only after hours.
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    })
  } catch (error) {
    // Parameters of the URL may name files that do not exist, such as sslrootcert.
    throw new MigrationError(`DATABASE_URL cannot be used: ${reasonOf(error)}`)
  }
  if (client.host.includes('-pooler.')) {
    throw new MigrationError(
      `${client.host} is a pooled host, which drops the lock that migrations need: ` +
        `use the direct host, ${client.host.replace('-pooler.', '.')}`,
    )
  }
  return client
}

function reasonOf(error: unknown): string {
  // Node reports one error for all addresses of a host; it has no message of its own.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ')
  const reason = describeError(error)
  // pg's own words for a server that demands a password.
  return /client password must be a string/.test(reason) ? 'it demands a password' : reason
}
