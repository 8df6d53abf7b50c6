import { neon, type NeonQueryFunction, neonConfig } from '@neondatabase/serverless'
import { Client } from 'pg'
import { type Exchange, type NeonHttp, startNeonHttp } from '../../../scripts/dev/neon-http.ts'
import { pgBackend } from '../../../scripts/dev/pg-backend.ts'
import { startPostgresServer } from '../../../scripts/dev/postgres-server.ts'
import type { Delays } from '../../../scripts/dev/round-trips.ts'
import { migrate } from '../../../scripts/migrate/migrate.ts'
import { floorForm } from '../floor/floor-form.ts'
import { floorSchema } from '../floor/floor-statements.ts'
import { oldForm, oldSchema } from '../old-form/old-form.ts'
import { productForm } from '../product-form.ts'
import type { TurnForm } from '../turn-form.ts'

/** The forms of a turn that are compared. Each has a database of its own, with its own tables. */
export const formNames = ['floor', 'old', 'product'] as const
export type FormName = (typeof formNames)[number]

export interface BenchDatabase {
  name: FormName
  form: TurnForm
  /** Direct, over TCP. */
  client: Client
  /** For a Worker. */
  connectionString: string
  endpoint: string
  /** The requests so far. */
  exchanges: Exchange[]
}

export interface BenchServer {
  databases: Record<FormName, BenchDatabase>
  /** Of all endpoints; may be changed between two requests. */
  delays: Delays
  /** For `pg_stat_statements`. */
  admin: Client
  close(): Promise<void>
}

/** Planning and execution of every statement are counted; no vacuum runs in between. */
const settings = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'top',
  'pg_stat_statements.track_planning': 'on',
  'pg_stat_statements.track_utility': 'off',
  autovacuum: 'off',
}

/**
 * A PostgreSQL server of its own, with a database and a Neon endpoint for each form.
 * @param options.poolSize backends of each database: with one, all turns use the same cached plans
 */
export async function startBenchServer(options: { poolSize?: number } = {}): Promise<BenchServer> {
  const server = await startPostgresServer({ settings })
  const admin = await connected(server.connectionString)
  const delays: Delays = {}
  const started: (() => Promise<void>)[] = []

  async function startDatabase(name: FormName): Promise<BenchDatabase> {
    await admin.query(`create database ${name}`)
    const url = new URL(server.connectionString)
    url.pathname = `/${name}`
    const connectionString = url.href
    const client = await connected(connectionString)
    await createTables[name](client)
    const backend = pgBackend({ connectionString, ...options })
    const exchanges: Exchange[] = []
    const http = await startNeonHttp({
      backend,
      connectionString,
      delays,
      onExchange: (exchange) => exchanges.push(exchange),
    })
    started.push(async () => {
      await http.close()
      await backend.close()
      await client.end()
    })
    const form = await createForm[name](driverUrl(name, connectionString, http))
    return { name, form, client, connectionString, endpoint: http.url, exchanges }
  }

  await admin.query('create extension pg_stat_statements')
  const [floor, old, product] = [
    await startDatabase('floor'),
    await startDatabase('old'),
    await startDatabase('product'),
  ]
  return {
    databases: { floor, old, product },
    delays,
    admin,
    async close() {
      await Promise.all(started.map((close) => close()))
      await admin.end()
      await server.stop()
    },
  }
}

const createTables: Record<FormName, (client: Client) => Promise<unknown>> = {
  floor: (client) => client.query(floorSchema),
  old: async (client) => client.query(await oldSchema()),
  product: (client) => migrate(client, { folder: 'migrations' }),
}

const createForm: Record<FormName, (connectionString: string) => TurnForm | Promise<TurnForm>> = {
  floor: (connectionString) => floorForm(driver(connectionString)),
  old: (connectionString) => oldForm(driver(connectionString)),
  product: productForm,
}

function driver(connectionString: string): NeonQueryFunction<false, false> {
  return neon(connectionString)
}

const endpointOfHost = new Map<string, string>()

/** The driver has one endpoint for the whole process: the host of the connection string tells the databases apart. */
function driverUrl(name: FormName, connectionString: string, { url }: NeonHttp): string {
  const named = new URL(connectionString)
  named.hostname = `${name}.localhost`
  endpointOfHost.set(named.hostname, url)
  neonConfig.fetchEndpoint = (host) => endpointOfHost.get(host) ?? ''
  return named.href
}

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString })
  await client.connect()
  return client
}
