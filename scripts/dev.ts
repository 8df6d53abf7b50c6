import { existsSync, watchFile } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as z from 'zod'
import { createDatabase } from '../src/db/database.ts'
import { Env, type SettingFault } from '../src/env.ts'
import { DevError } from './dev/dev-error.ts'
import { type DevOptions, parseOptions, usage } from './dev/dev-options.ts'
import { exampleVisitor } from './dev/example/example-visitor.ts'
import { writeExample } from './dev/example/write-example.ts'
import { formatLog } from './dev/format-log.ts'
import { createLifetime } from './dev/lifetime.ts'
import { findLockOwner } from './dev/lock-folder.ts'
import { startNeonHttp } from './dev/neon-http.ts'
import { startOfflineModel } from './dev/offline-model.ts'
import { needsEndpoint, type OwnDatabase, reachDatabase, urlForWorker } from './dev/own-database.ts'
import { pgBackend } from './dev/pg-backend.ts'
import { findFreePort, portFault } from './dev/port-fault.ts'
import { readDevVars } from './dev/read-dev-vars.ts'
import { sayIfSlow } from './dev/say-if-slow.ts'
import { startDevDatabase } from './dev/start-dev-database.ts'
import { startDevWorker } from './dev/start-dev-worker.ts'
import { waitUntilReady } from './dev/wait-until-ready.ts'
import { welcome } from './dev/welcome.ts'

/** The site under development may run on any port. */
const localOrigins = 'http://localhost:*, http://127.0.0.1:*'

/** In receipts and in the rows of replies, unless the settings name another. */
const offlineModelName = 'offline'

type Settings = Record<string, string>

const say = (line: string) => console.log(line)
const { use, fail } = createLifetime()

/** Of one call to the embedded Postgres, which the Worker uses at the same time. */
const exampleTimeoutMs = 30_000

async function main(options: DevOptions): Promise<void> {
  const { vars } = options
  const dataDir = join(options.data, 'postgres')
  const given = await readDevVars(vars)
  const databaseUrl = given['DATABASE_URL']
  const hasModel = given['OPENAI_API_KEY'] !== undefined || given['OPENAI_BASE_URL'] !== undefined
  const own = databaseUrl !== undefined && {
    url: databaseUrl,
    endpoint: given['NEON_HTTP_ENDPOINT'],
  }
  if (databaseUrl !== undefined) given['DATABASE_URL'] = urlForWorker(databaseUrl)

  // All that may be refused comes first, the cheapest first.
  const faults = ownFaults(given)
  if (faults.length > 0) throw wrongSettings(faults, `in ${vars}`)
  if (own && options.example) throw foreignHistory(options)
  if (!own) await refuseSecondStart(dataDir, options)
  const port = await choosePort(options.port)
  if (own) await sayIfSlow('Asking the database of DATABASE_URL', reachDatabase(own))

  let isReady = false
  const onLog = ({ message }: { message: string }) => {
    if (isReady || !message.includes('"route":"/health/ready"')) say(formatLog(message))
  }
  const worker = use(startDevWorker({ onLog, onOutput: (line) => console.error(line) }))
  worker.broken.catch(fail)
  // The local parts have no ports yet.
  const placeholders = {
    ...(!own && { DATABASE_URL: 'postgres://postgres:local@localhost/local' }),
    ...(!hasModel && { OPENAI_BASE_URL: 'http://localhost/v1' }),
  }
  const checked = await sayIfSlow(
    'Checking the settings',
    worker.check({ ...placeholders, ...given }),
  )
  if (checked.kind === 'faults')
    throw wrongSettings(checked.faults, `in ${vars} or [vars] of wrangler.toml`)
  for (const name of checked.unknownNames) say(`${vars}: ${name} is not a setting of the Worker`)

  const [databaseSettings, modelSettings] = await Promise.all([
    own ? startEndpoint(own) : startDatabase(dataDir),
    hasModel ? {} : startModel(),
    sayIfSlow('Building the widget', worker.build()),
  ])
  const settings = {
    ALLOWED_ORIGINS: localOrigins,
    ...(!hasModel && { OPENAI_MODEL: offlineModelName }),
    ...given,
    ...databaseSettings,
    ...modelSettings,
  }
  const origin = `http://localhost:${port}`
  const start = async () => {
    await worker.start(settings, port)
    await waitUntilReady(origin, ({ code, detail }) => {
      const place = own ? new URL(own.url).host : dataDir
      say(code === 'schema_outdated' ? behind : `Not ready yet: ${detail} (${place})`)
    })
  }
  const [example] = await Promise.all([
    options.example && !own ? startExample(databaseSettings, options.data) : undefined,
    sayIfSlow('Starting the Worker', start()),
  ])
  isReady = true

  const history = own ? `the database of DATABASE_URL in ${vars}` : dataDir
  const model = hasModel ? checked.model : undefined
  say(welcome({ origin, model, history, vars, takesExample: !own, example }))
  watchFile(vars, { persistent: false, interval: 1_000 }, (now, before) => {
    if (now.mtimeMs !== before.mtimeMs) say(`${vars} has changed: start again to use it`)
  })
}

const behind = `The database of DATABASE_URL lacks migrations. Apply them in another terminal; this one waits:
  npm run migrate`

/** The settings of the file that are wrong by themselves, whatever wrangler.toml says. */
function ownFaults(given: Settings): SettingFault[] {
  const fields: Record<string, z.ZodType> = Env.shape
  return Object.entries(given).flatMap(([name, value]) => {
    const issue = fields[name]?.safeParse(value).error?.issues[0]
    return issue === undefined ? [] : [{ name, message: issue.message }]
  })
}

function wrongSettings(faults: SettingFault[], place: string): DevError {
  const lines = faults.map(({ name, message }) => `  ${name} ${message}`)
  return new DevError(`wrong settings, ${place}:\n${lines.join('\n')}`)
}

function foreignHistory({ vars, data }: DevOptions): DevError {
  return new DevError(
    [
      `--example writes a made-up conversation, and DATABASE_URL in ${vars} is a database of yours.`,
      'Start it with other settings, or none, and the embedded Postgres:',
      `  npm run dev -- --example --vars ${join(data, 'vars')}`,
    ].join('\n'),
  )
}

async function refuseSecondStart(dataDir: string, { data, port }: DevOptions): Promise<void> {
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
  const isFirst = !existsSync(dataDir)
  const database = use(startDevDatabase({ dataDir, folder: 'migrations' }))
  database.ended.then((error) => fail(error ?? new DevError('Postgres has ended')), fail)
  const { connectionString, endpoint, applied } = await sayIfSlow(
    isFirst
      ? `Preparing Postgres in ${dataDir} (the first time takes some seconds)`
      : `Starting Postgres in ${dataDir}`,
    database.ready,
  )
  for (const name of applied) say(`Applied ${name}`)
  return { DATABASE_URL: connectionString, NEON_HTTP_ENDPOINT: endpoint }
}

async function startExample(databaseSettings: Settings, folder: string) {
  const { DATABASE_URL: connectionString = '', NEON_HTTP_ENDPOINT: endpoint } = databaseSettings
  const db = createDatabase({ connectionString, endpoint, timeoutMs: exampleTimeoutMs })
  const { token, userId } = await exampleVisitor(folder)
  const example = await sayIfSlow('Writing the example conversation', writeExample(db, userId))
  return { ...example, token }
}

/** Unlike Neon, a PostgreSQL server on this machine does not speak HTTP: a local endpoint does it for the server. */
async function startEndpoint(own: OwnDatabase): Promise<Settings> {
  if (!needsEndpoint(own)) return {}
  const backend = pgBackend({ connectionString: own.url })
  const connectionString = urlForWorker(own.url)
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
