import { watchFile } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { SettingFault } from '../src/env.ts'
import { DevError } from './dev/dev-error.ts'
import { formatLog } from './dev/format-log.ts'
import { createLifetime } from './dev/lifetime.ts'
import { findLockOwner } from './dev/lock-folder.ts'
import { startNeonHttp } from './dev/neon-http.ts'
import { startOfflineModel } from './dev/offline-model.ts'
import { pgBackend } from './dev/pg-backend.ts'
import { findFreePort, portFault } from './dev/port-fault.ts'
import { readDevVars } from './dev/read-dev-vars.ts'
import { startDevDatabase } from './dev/start-dev-database.ts'
import { startDevWorker } from './dev/start-dev-worker.ts'
import { waitUntilReady } from './dev/wait-until-ready.ts'
import { welcome } from './dev/welcome.ts'

const usage = `Usage: npm run dev [-- <option>…]

Serves the page and the API on http://localhost:8787, with an embedded Postgres and an offline model. It reads the
settings of wrangler.toml and .dev.vars. A DATABASE_URL there replaces the embedded Postgres; an OPENAI_API_KEY or an
OPENAI_BASE_URL replaces the offline model.

  --port N       the port to listen on, 0 for any free one; default is PORT of the environment, else 8787
  --data FOLDER  where the embedded Postgres keeps its files; default .data
  --vars FILE    a file to use instead of .dev.vars
  --help         show this`

/** The site under development may run on any port. */
const localOrigins = 'http://localhost:*, http://127.0.0.1:*'

type Settings = Record<string, string>

interface Options {
  port: number
  data: string
  vars: string
}

const say = (line: string) => console.log(line)
const { use, fail } = createLifetime()

function parseOptions(args: string[]): Options | 'help' {
  try {
    const { values } = parseArgs({
      args,
      options: {
        port: { type: 'string', default: process.env['PORT'] || '8787' },
        data: { type: 'string', default: '.data' },
        vars: { type: 'string', default: '.dev.vars' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : Infinity
    if (port > 65_535) throw new DevError(`${values.port} is not a port: give one from 1 to 65535`)
    return values.help ? 'help' : { ...values, port }
  } catch (error) {
    if (error instanceof DevError) throw error
    throw new DevError(`${(error as Error).message}\nTry: npm run dev -- --help`)
  }
}

async function main(options: Options): Promise<void> {
  const { vars } = options
  const dataDir = join(options.data, 'postgres')
  const given = await readDevVars(vars)
  const databaseUrl = given['DATABASE_URL']
  const hasModel = given['OPENAI_API_KEY'] !== undefined || given['OPENAI_BASE_URL'] !== undefined

  let isReady = false
  const onLog = ({ message }: { message: string }) => {
    if (isReady || !message.includes('"route":"/health/ready"')) say(formatLog(message))
  }
  const worker = use(startDevWorker({ onLog, onOutput: (line) => console.error(line) }))
  worker.broken.catch(fail)
  // The local parts have no ports yet.
  const checked = await worker.check({
    ...(databaseUrl === undefined && { DATABASE_URL: 'postgres://postgres:local@localhost/local' }),
    ...(!hasModel && { OPENAI_BASE_URL: 'http://localhost/v1' }),
    ...given,
  })
  if (checked.kind === 'faults') throw wrongSettings(checked.faults, vars)
  for (const name of checked.unknownNames) say(`${vars}: ${name} is not a setting of the Worker`)
  if (databaseUrl === undefined) await refuseSecondStart(dataDir, options)
  const port = await choosePort(options.port)

  const settings = {
    ALLOWED_ORIGINS: localOrigins,
    ...given,
    ...(databaseUrl === undefined ? await startDatabase(dataDir) : await reach(databaseUrl, given)),
    ...(!hasModel && (await startModel())),
  }
  await worker.start(settings, port)
  const origin = `http://localhost:${port}`
  await waitUntilReady(origin, ({ code, detail }) => {
    const place = databaseUrl === undefined ? dataDir : new URL(databaseUrl).host
    say(code === 'schema_outdated' ? behind : `Not ready yet: ${detail} (${place})`)
  })
  isReady = true

  const history = databaseUrl === undefined ? dataDir : `the database of DATABASE_URL in ${vars}`
  say(welcome({ origin, model: hasModel ? checked.model : undefined, history, vars }))
  watchFile(vars, { persistent: false, interval: 1_000 }, (now, before) => {
    if (now.mtimeMs !== before.mtimeMs) say(`${vars} has changed: start again to use it`)
  })
}

const behind = `The database of DATABASE_URL lacks migrations. Apply them in another terminal; this one waits:
  npm run migrate`

function wrongSettings(faults: SettingFault[], vars: string): DevError {
  const lines = faults.map(({ name, message }) => `  ${name} ${message}`)
  return new DevError(`wrong settings, in ${vars} or [vars] of wrangler.toml:\n${lines.join('\n')}`)
}

async function refuseSecondStart(dataDir: string, { data, port }: Options): Promise<void> {
  const owner = await findLockOwner(dataDir)
  if (owner === undefined) return
  throw new DevError(
    [
      `${dataDir} is in use by process ${owner}, another npm run dev.`,
      'Stop that one, or give this one a folder and a port of its own:',
      `  npm run dev -- --data ${join(data, 'second')} --port ${nextPort(port)}`,
    ].join('\n'),
  )
}

async function choosePort(port: number): Promise<number> {
  if (port === 0) return findFreePort()
  const fault = await portFault(port)
  if (fault === undefined) return port
  throw new DevError(
    `port ${port} ${fault}. Choose another:\n  npm run dev -- --port ${nextPort(port)}`,
  )
}

function nextPort(port: number): number {
  return port === 0 || port === 65_535 ? 0 : port + 1
}

async function startDatabase(dataDir: string): Promise<Settings> {
  const database = use(startDevDatabase({ dataDir, folder: 'migrations' }))
  database.ended.then((error) => fail(error ?? new DevError('Postgres has ended')), fail)
  const slow = setTimeout(
    say,
    1_500,
    `Preparing Postgres in ${dataDir} (the first time takes some seconds)`,
  )
  const { connectionString, endpoint, applied } = await database.ready.finally(() =>
    clearTimeout(slow),
  )
  for (const name of applied) say(`Applied ${name}`)
  return { DATABASE_URL: connectionString, NEON_HTTP_ENDPOINT: endpoint }
}

/** Unlike Neon, a PostgreSQL server on this machine does not speak HTTP: a local endpoint does it for the server. */
async function reach(connectionString: string, given: Settings): Promise<Settings> {
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(new URL(connectionString).hostname)
  if (!isLocal || given['NEON_HTTP_ENDPOINT'] !== undefined) return {}
  const backend = pgBackend({ connectionString })
  const endpoint = use(await startNeonHttp({ backend, connectionString }))
  use(backend)
  return { NEON_HTTP_ENDPOINT: endpoint.url }
}

async function startModel(): Promise<Settings> {
  const { baseUrl } = use(await startOfflineModel({ pace: 'reading', record: false }))
  return { OPENAI_BASE_URL: baseUrl }
}

// The paths above are those of this project, wherever the command was started.
process.chdir(fileURLToPath(new URL('..', import.meta.url)))
try {
  const options = parseOptions(process.argv.slice(2))
  if (options === 'help') say(usage)
  else await main(options)
} catch (error) {
  fail(error)
}
