import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ConcurrentIndex, concurrentIndex } from './concurrent-index.ts'
import { MigrationError } from './migration-error.ts'
import { splitStatements, type SqlStatement } from './split-statements.ts'

export interface Migration {
  /** The number at the front of the name. */
  version: number
  name: string
  /** In hex, of the content with LF instead of CRLF: a checkout on Windows is the same migration. */
  sha256: string
  statements: SqlStatement[]
  /** Set if the file asks to run outside a transaction: what its first statement does. */
  concurrently?: ConcurrentIndex
}

const namePattern = /^\d{4}_[a-z0-9]+(_[a-z0-9]+)*\.sql$/
const noTransaction = '-- migrate: no-transaction'

/** The record is written in the transaction of its file, so a file must not end that transaction. Savepoints are allowed. */
const transactionControl =
  /^(begin|start transaction|commit|end|abort|prepare transaction|rollback(?!( work| transaction)? to\b))\b/

/**
 * Reads and checks every migration of a folder, in order of version. Ignores dot files and Markdown.
 * Throws a MigrationError that names every file that cannot be a migration. Asks no database.
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new MigrationError(`the folder ${folder} cannot be read (${error.code})`)
  })
  const problems: string[] = []
  const migrations: Migration[] = []
  for (const name of names.toSorted()) {
    if (name.startsWith('.') || name.endsWith('.md')) continue
    try {
      migrations.push(await readMigration(folder, name))
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error
      problems.push(`${name}: ${error.message}`)
    }
  }
  migrations.forEach((migration, index) => {
    const before = migrations[index - 1]
    if (before?.version === migration.version) {
      problems.push(`${migration.name}: has the same number as ${before.name}`)
    }
  })
  if (problems.length > 0) throw new MigrationError(problems.join('\n'))
  if (migrations.length === 0) throw new MigrationError(`no migrations in the folder ${folder}`)
  return migrations
}

async function readMigration(folder: string, name: string): Promise<Migration> {
  if (!namePattern.test(name)) {
    throw new MigrationError('is not named NNNN_snake_case.sql')
  }
  const bytes = await readFile(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
    throw new MigrationError(`cannot be read (${error.code})`)
  })
  const sql = decode(bytes).replaceAll('\r\n', '\n')
  const statements = parse(sql)
  const migration: Migration = {
    version: Number(name.slice(0, 4)),
    name,
    sha256: createHash('sha256').update(sql).digest('hex'),
    statements,
  }
  if (migration.version === 0) throw new MigrationError('numbers start at 0001')

  const firstLine = sql.split('\n', 1)[0]?.trimEnd() ?? ''
  if (firstLine === noTransaction) return { ...migration, concurrently: firstStatement(statements) }
  if (/^--\s*migrate:/i.test(firstLine)) {
    throw new MigrationError(`its first line may only be "${noTransaction}" or an ordinary comment`)
  }
  for (const { head, line } of statements) {
    if (transactionControl.test(head)) {
      throw new MigrationError(
        `line ${line}: "${head}" would end the transaction that the migration and its record share: remove it`,
      )
    }
    if (/^copy\b/.test(head) && /\bfrom stdin\b/.test(head)) {
      throw new MigrationError(`line ${line}: "copy from stdin" has no input here: use insert`)
    }
  }
  return migration
}

function decode(bytes: Buffer): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new MigrationError('starts with a byte order mark: save it as plain UTF-8')
  }
  let sql: string
  try {
    sql = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new MigrationError('is not UTF-8')
  }
  if (sql.includes('\0')) throw new MigrationError('contains a NUL character')
  return sql
}

function parse(sql: string): SqlStatement[] {
  let statements: SqlStatement[]
  try {
    statements = splitStatements(sql)
  } catch (error) {
    if (error instanceof SyntaxError) throw new MigrationError(error.message)
    throw error
  }
  if (statements.length === 0) throw new MigrationError('is empty: it holds no statement')
  return statements
}

/** Comments may follow: they can be written again after a kill, too. */
function firstStatement(statements: SqlStatement[]): ConcurrentIndex {
  const [statement, ...others] = statements
  const areComments = others.every(({ head }) => /^comment on\b/.test(head))
  const concurrently = statement && areComments ? concurrentIndex(statement) : undefined
  if (!concurrently) {
    throw new MigrationError(
      'outside a transaction, a file holds one statement, which can run again after a kill: ' +
        '"create [unique] index concurrently if not exists <name> on <table> …" or ' +
        '"drop index concurrently if exists <name>"; only "comment on …" may follow it',
    )
  }
  return concurrently
}
