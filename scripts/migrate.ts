import { parseArgs } from 'node:util'
import { connect, findDatabaseUrl } from './migrate/connect.ts'
import { describeError, isServerError } from './migrate/describe-error.ts'
import { baseline, migrate, migrationStatus } from './migrate/migrate.ts'
import type { MigrationClient } from './migrate/migration-client.ts'
import { MigrationError } from './migrate/migration-error.ts'

const usage = `Usage: npm run migrate [-- <option>]

Applies each file of migrations/ once, in order, to the database of DATABASE_URL. DATABASE_URL comes from the
environment or else from .dev.vars, and names the direct host (not the pooled one).

  --status         list the applied and the pending files
  --dry-run        run the pending files in a transaction and roll it back; it takes the locks of a real run
  --baseline NNNN  record the files up to NNNN as applied without running them, in a database without records
  --help           show this

Exit codes: 0 done, or nothing to do; 1 refused or failed; 2 with --status if a file is pending.

A file and its record are one transaction. A file whose first line is "-- migrate: no-transaction" holds a single
"create [unique] index concurrently if not exists …" or "drop index concurrently if exists …" instead.`

const folder = 'migrations'
const log = (line: string): void => console.log(line)

type Command = 'help' | 'status' | 'dry-run' | 'migrate' | { baseline: number }

function parseCommand(args: string[]): Command {
  const { values } = parseArguments(args)
  const given = Object.keys(values)
  if (given.length > 1) throw new MigrationError(`one option at a time, not --${given.join(' --')}`)
  if (values.help) return 'help'
  if (values.status) return 'status'
  if (values['dry-run']) return 'dry-run'
  if (values.baseline === undefined) return 'migrate'
  if (!/^\d{4}$/.test(values.baseline)) {
    throw new MigrationError('--baseline takes the four digits of a file, such as 0001')
  }
  return { baseline: Number(values.baseline) }
}

function parseArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        status: { type: 'boolean' },
        'dry-run': { type: 'boolean' },
        baseline: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new MigrationError(`${describeError(error)}\nTry --help.`)
  }
}

async function run(command: Exclude<Command, 'help'>, client: MigrationClient): Promise<number> {
  if (command === 'status') {
    const { applied, pending } = await migrationStatus(client, { folder })
    for (const { name, appliedAt } of applied) log(`applied ${appliedAt} ${name}`)
    for (const name of pending) log(`pending ${name}`)
    return pending.length > 0 ? 2 : 0
  }
  if (typeof command === 'object') {
    await baseline(client, { folder, version: command.baseline, log })
  } else {
    await migrate(client, { folder, log, dryRun: command === 'dry-run' })
  }
  return 0
}

async function main(args: string[]): Promise<number> {
  const command = parseCommand(args)
  if (command === 'help') {
    log(usage)
    return 0
  }
  const { url, source } = await findDatabaseUrl(process.env)
  if (source === '.dev.vars') log('DATABASE_URL is that of .dev.vars')
  const client = await connect(url, process.env)
  try {
    return await run(command, client)
  } finally {
    await client.close()
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof MigrationError) && !isServerError(error)) throw error
  console.error(`migrate: ${describeError(error)}`)
  process.exitCode = 1
}
