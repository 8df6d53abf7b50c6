import type { ConcurrentIndex } from './concurrent-index.ts'
import { describeError, isServerError } from './describe-error.ts'
import type { MigrationClient } from './migration-client.ts'
import { MigrationError } from './migration-error.ts'
import type { Migration } from './migration-files.ts'
import { recordMigration } from './migration-records.ts'
import { prepareSession } from './session.ts'
import type { SqlStatement } from './split-statements.ts'
import { inTransaction } from './transaction.ts'

/** Runs a file and records it: both or neither. Throws a MigrationError that names the file and the line. */
export async function applyMigration(client: MigrationClient, migration: Migration): Promise<void> {
  await naming(migration, async () => {
    await prepareSession(client)
    if (migration.concurrently) {
      await applyConcurrently(client, migration, migration.concurrently)
      await recordMigration(client, migration)
      return
    }
    await inTransaction(client, async () => {
      await runStatements(client, migration)
      await recordMigration(client, migration)
    })
  })
}

/**
 * Runs files one after another in the caller's transaction: each file sees the changes of the files before it, and all
 * locks are held until the last one. Changes that need a commit are missing: a later file cannot use a new value of an
 * enum, for example.
 */
export async function rehearseMigrations(
  client: MigrationClient,
  migrations: Migration[],
  log: (line: string) => void,
): Promise<void> {
  for (const migration of migrations) {
    if (migration.concurrently) {
      log(`not tried: ${migration.name} runs outside a transaction`)
      continue
    }
    const startedAt = performance.now()
    await naming(migration, async () => {
      await prepareSession(client)
      await runStatements(client, migration)
    })
    log(`would apply ${migration.name} (${Math.round(performance.now() - startedAt)} ms)`)
  }
  // Check the deferred constraints now: no commit will do it.
  await client.query('set constraints all immediate')
}

async function runStatements(client: MigrationClient, migration: Migration): Promise<void> {
  const before = await transactionId(client)
  for (const statement of migration.statements) await runStatement(client, statement)
  if ((await transactionId(client)) !== before) {
    throw new MigrationError(
      'it ended the transaction it runs in, so a part of it is committed but not recorded: ' +
        'undo that part by hand and remove the statement that ended the transaction',
    )
  }
}

async function transactionId(client: MigrationClient): Promise<string> {
  const { rows } = await client.query('select pg_current_xact_id()::text as id')
  return String(rows[0]?.id)
}

/**
 * After a kill between the statement and its record, the next run executes the statement again; `if [not] exists` makes
 * that harmless. A kill in the middle of a build leaves an INVALID index. `if not exists` would take it for the real one,
 * and it costs every write until it is gone. So this drops an INVALID index before a build and after a failed one.
 */
async function applyConcurrently(
  client: MigrationClient,
  { statements }: Migration,
  target: ConcurrentIndex,
): Promise<void> {
  // A build waits for older transactions and blocks nobody: a limit would only leave more INVALID indexes.
  await client.query('set lock_timeout = 0')
  const [statement, ...comments] = statements
  if (!statement) return
  if (target.action === 'drop') {
    await runStatement(client, statement)
    return
  }
  await dropIfInvalid(client, target)
  try {
    await runStatement(client, statement)
  } catch (error) {
    // If the connection is lost, the index stays until the next run.
    await dropIfInvalid(client, target).catch(() => {})
    throw error
  }
  if ((await findIndex(client, target))?.valid !== true) {
    throw new MigrationError(
      `${target.table} has no valid index ${target.index} now: is the name taken by something else?`,
    )
  }
  for (const comment of comments) await runStatement(client, comment)
}

type IndexTarget = Extract<ConcurrentIndex, { action: 'create' }>

async function dropIfInvalid(client: MigrationClient, target: IndexTarget): Promise<void> {
  const index = await findIndex(client, target)
  if (index?.valid === false) await client.query(`drop index concurrently if exists ${index.name}`)
}

/** An index is always in the schema of its table. */
async function findIndex(
  client: MigrationClient,
  { table, index }: IndexTarget,
): Promise<{ name: string; valid: boolean } | undefined> {
  const { rows } = await client.query(
    `select format('%I.%I', n.nspname, c.relname) as name, i.indisvalid as valid
     from pg_index i
     join pg_class c on c.oid = i.indexrelid
     join pg_namespace n on n.oid = c.relnamespace
     where i.indrelid = to_regclass($1) and c.relname = (parse_ident($2))[1]::name`,
    [table, index],
  )
  const [row] = rows
  return row && { name: String(row.name), valid: row.valid === true }
}

async function runStatement(client: MigrationClient, statement: SqlStatement): Promise<void> {
  try {
    await client.query(statement.text)
  } catch (error) {
    throw new MigrationError(`line ${errorLine(statement, error)}: ${describeError(error)}`, {
      cause: error,
    })
  }
}

/** `position` counts characters from 1. Without a position, this is the line on which the statement starts. */
function errorLine({ text, line }: SqlStatement, error: unknown): number {
  const position = isServerError(error) ? Number(error.position ?? 1) : 1
  const before = Array.from(text).slice(0, position - 1)
  return line + before.filter((character) => character === '\n').length
}

async function naming(migration: Migration, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw new MigrationError(`${migration.name}: ${describeError(error)}`, { cause: error })
  }
}
