import { NeonDbError } from '@neondatabase/serverless'
import { Problem } from '../errors.ts'

/** Throws the Problem that a failed call to the database is. Any other error of a statement is a fault of this code. */
export function throwProblem(cause: unknown): never {
  const sqlState = sqlStateOf(cause)
  if (isTooLarge(cause)) throw new Problem('data_too_large', { cause })
  if (!/^[0-9A-Z]{5}$/.test(sqlState) || isTransient(sqlState))
    throw new Problem('database_unavailable', { retryAfterSeconds: 2, cause })
  if (timeouts.includes(sqlState))
    throw new Problem('database_timeout', { retryAfterSeconds: 2, cause })
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

/** The database canceled the statement, or did not get a lock in time. It was rolled back. */
const timeouts = ['57014', '55P03']

/** An undefined table, column, function or type. */
const schemaFaults = ['42P01', '42703', '42883', '42704']

/** The database's own default is READ COMMITTED, so somebody has changed it. */
const wrongIsolation = {
  detail: 'default_transaction_isolation of the database role must be read committed',
  members: {
    settings: [{ name: 'DATABASE_URL', message: 'names a role that does not use READ COMMITTED' }],
  },
}

/**
 * Only an SQLSTATE is a definite answer; after any other failure, the statement may have been committed. Neon's proxy
 * refuses a password without an SQLSTATE, and reports that of an unknown database in the text of a 500.
 */
function sqlStateOf(cause: unknown): string {
  if (!(cause instanceof NeonDbError)) return ''
  if (cause.code) return cause.code
  if (cause.message.startsWith('password authentication failed')) return '28P01'
  return /^Server error .*"code":"(28\w{3}|3D000)"/.exec(cause.message)?.[1] ?? ''
}

/** Neon answers at most 10 MiB. A batch was rolled back then; a single statement may have been committed. */
function isTooLarge(cause: unknown): boolean {
  return cause instanceof NeonDbError && cause.message.startsWith('Server error (HTTP status 507)')
}

/** Connection, resources, operator intervention, system error, or rolled back because of another transaction. */
function isTransient(sqlState: string): boolean {
  return /^(08|53|57P|58|40)/.test(sqlState)
}
