import { parseArgs } from 'node:util'
import { connect, findDatabaseUrl } from './migrate/connect.ts'
import { describeError, isServerError } from './migrate/describe-error.ts'
import { MigrationError } from './migrate/migration-error.ts'
import { prepareSession } from './migrate/session.ts'
import { fillTerms } from './terms/fill-terms.ts'

const usage = `Usage: npm run terms [-- --help]

Lets recall find the turns that were stored before it existed: writes the terms of each turn that has none, to the database
of DATABASE_URL. DATABASE_URL comes from the environment or else from .dev.vars, and names the direct host (not the
pooled one). Run it once, after the new Worker is deployed.

Turns, deletions and exports go on meanwhile. It waits for none of them: a turn that is in use is tried again later.
Ctrl-C stops it after the batch of 500 turns. It can be run again at any time, and continues with what is left.

Exit codes: 0 no turn is left without terms; 1 refused or failed; 2 stopped, or turns were in use: run it again`

const log = (line: string): void => console.log(line)

async function main(): Promise<number> {
  const { url, source } = await findDatabaseUrl(process.env)
  if (source === '.dev.vars') log('DATABASE_URL is that of .dev.vars')
  const stop = new AbortController()
  // A second signal ends the process at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const client = await connect(url, process.env)
  try {
    await prepareSession(client)
    const { written, left } = await fillTerms(client, { log, signal: stop.signal })
    const end = stop.signal.aborted ? 'stopped' : 'done'
    log(
      `${end}: ${written} turns written, ${left} have no terms${left > 0 ? ': run it again' : ''}`,
    )
    return left === 0 ? 0 : 2
  } finally {
    await client.close()
  }
}

try {
  if (hasHelp(process.argv.slice(2))) log(usage)
  else process.exitCode = await main()
} catch (error) {
  if (!(error instanceof MigrationError) && !isServerError(error)) throw error
  console.error(`terms: ${describeError(error)}`)
  process.exitCode = 1
}

function hasHelp(args: string[]): boolean {
  try {
    const options = { help: { type: 'boolean', short: 'h' } } as const
    return parseArgs({ args, options }).values.help === true
  } catch (error) {
    throw new MigrationError(`${describeError(error)}\nTry --help.`)
  }
}
