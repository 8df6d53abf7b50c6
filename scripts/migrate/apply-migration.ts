import type { ConcurrentIndex } from './concurrent-index.ts'
import { describeError, isServerError } from './describe-error.ts'
import type { MigrationClient } from './migration-client.ts'
import { MigrationError } from './migration-error.ts'
import type { Migration } from './migration-files.ts'
import { recordMigration } from './migration-records.ts'
import { prepareSession } from './session.ts'
import type { SqlStatement } from './split-statements.ts'
import { inTransaction } from './transaction.ts'

/** Runs a file and records it, both or neither. Throws a MigrationError that names the file and the line. */
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
 * Runs files one after the other in the caller's transaction, so that each sees what those before it made, and holds
 * their locks until the last. What only a commit brings is missing: a new value of an enum, for one, cannot be used
 * by a later file.
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
  // What is deferred to the commit, since none will come.
  await client.query('set constraints all immediate')
}

async function runStatements(client: MigrationClient, migration: Migration): Promise<void> {
  const before = await transactionId(client)
  for (const statement of migration.statements) await runStatement(client, statement)
  if ((await transactionId(client)) !== before) {
    throw new MigrationError(
      'it ended the transaction it runs in, so that some of it is committed and not recorded: ' +
        'undo that part by hand, and remove the statement that did it',
    )
  }
}

async function transactionId(client: MigrationClient): Promise<string> {
  const { rows } = await client.query('select pg_current_xact_id()::text as id')
  return String(rows[0]?.id)
}

/**
 * A kill after the statement and before its record makes the next run execute it again, which `if [not] exists` makes
 * harmless. A kill in the middle of a build leaves an INVALID index: `if not exists` would take it for the real one,
 * and it costs every write until it is gone. So such a one is dropped before a build, and after a failed one.
 */
async function applyConcurrently(
  client: MigrationClient,
  { statements }: Migration,
  target: ConcurrentIndex,
): Promise<void> {
  // It waits for older transactions and holds nobody up: a limit would only leave more INVALID indexes.
  await client.query('set lock_timeout = 0')
  const [statement] = statements
  if (!statement) return
  if (target.action === 'drop') {
    await runStatement(client, statement)
    return
  }
  await dropIfInvalid(client, target)
  try {
    await runStatement(client, statement)
  } catch (error) {
    // With a lost connection it stays until the next run.
    await dropIfInvalid(client, target).catch(() => {})
    throw error
  }
  if ((await findIndex(client, target))?.valid !== true) {
    throw new MigrationError(
      `${target.table} has no valid index ${target.index} now: is the name taken by something else?`,
    )
  }
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

/** `position` counts characters from 1; without one, it is the line on which the statement starts. */
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
