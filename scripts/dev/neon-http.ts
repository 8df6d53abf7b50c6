import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as z from 'zod'
import { listen } from './listen.ts'
import { paramToText, parseRequestJson, rowsToJson } from './neon-json.ts'
import type { RowFormat } from './neon-json.ts'
import { errorFieldNames, SqlError } from './sql-backend.ts'
import type { ErrorFields, RunSql, SqlBackend, SqlResult } from './sql-backend.ts'

/** What `GET /` answers, so that a script finds out who listens on a port. */
export const neonHttpBanner = 'neon-chat-history: local endpoint for the Neon serverless driver\n'

/** Neon's limits, of the request's body and of the response's. */
const maxRequestBytes = 10 * 1024 * 1024
const maxResponseBytes = 10 * 1024 * 1024

export type NeonHttpOptions = {
  backend: SqlBackend
  /**
   * The connection string whose user, password and database a request must name. Without it any
   * page in a browser that learns the port could read the database by DNS rebinding: leave it out
   * for throw-away data only.
   */
  connectionString?: string
  /** 0, the default, takes a free one. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
}

export type NeonHttp = {
  /** For `neonConfig.fetchEndpoint`. */
  url: string
  /** Drops the clients and waits for what still runs; the backend stays open. */
  close(): Promise<void>
}

/**
 * Serves the SQL-over-HTTP protocol of Neon's proxy at `POST /sql`, so that the unchanged driver
 * (`@neondatabase/serverless`, `neon()`) talks to a local database.
 *
 * It differs from Neon where a local endpoint must: hosts may be IP addresses, there are no JWTs and
 * no CORS preflight, so no web page can call it.
 *
 * @throws where the port is taken.
 */
export async function startNeonHttp(options: NeonHttpOptions): Promise<NeonHttp> {
  const { port = 0, host = '127.0.0.1' } = options
  const running = new Set<Promise<void>>()
  const server = createServer((request, response) => {
    const exchange = serve(request, response, options).finally(() => running.delete(exchange))
    running.add(exchange)
  })
  // A Worker may take up a connection at the very moment the server would drop it as idle.
  server.keepAliveTimeout = 0
  const listeningPort = await listen(server, port, host)
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listeningPort}/sql`,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      await Promise.allSettled(running)
    },
  }
}

type Answer = { status: number; body: string; headers?: Record<string, string> }

/** A request refused by the endpoint itself, before or after the database was asked. */
class RequestError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: NeonHttpOptions,
): Promise<void> {
  if (request.method === 'GET' && request.url === '/') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(neonHttpBanner)
    return
  }
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  const answer = await answerSql(request, options, gone.signal).catch(answerError)
  if (gone.signal.aborted) return
  response
    .writeHead(answer.status, {
      'content-type': 'application/json',
      'access-control-allow-origin': '*',
      ...answer.headers,
    })
    .end(answer.body)
}

async function answerSql(
  request: IncomingMessage,
  { backend, connectionString }: NeonHttpOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const path = request.url?.split('?')[0]
  if (request.method !== 'POST' || path !== '/sql') {
    request.resume()
    return { status: 400, body: JSON.stringify('query is not supported') }
  }
  const body = await readBody(request)
  const login = readLogin(request.headers['neon-connection-string'])
  const options = readOptions(request)
  const payload = readPayload(body)
  if (connectionString !== undefined) checkLogin(login, readLogin(connectionString))

  const answer = createAnswer()
  if (!('queries' in payload)) {
    const result = await backend.withConnection((run) => answer.run(run, payload, options), signal)
    return { status: 200, body: result }
  }
  const results = await backend.withConnection(async (run) => {
    await run(options.begin)
    const finished: string[] = []
    for (const query of payload.queries) {
      finished.push(await answer.run(run, query, options))
    }
    await run('COMMIT')
    return finished
  }, signal)
  return { status: 200, body: `{"results":[${results.join(',')}]}`, headers: options.batchHeaders }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    byteCount += chunk.length
    // The rest is read and dropped: a client that still writes would not see the answer.
    if (byteCount <= maxRequestBytes) chunks.push(chunk)
  }
  if (byteCount > maxRequestBytes) {
    throw new RequestError(413, `request is too large (max is ${maxRequestBytes} bytes)`)
  }
  return Buffer.concat(chunks)
}

type Login = { user: string; password: string; database: string }

/** The messages never quote the connection string, which has a password in it. */
function readLogin(connectionString: string | string[] | undefined): Login {
  if (typeof connectionString !== 'string') {
    throw new RequestError(400, 'invalid header: neon-connection-string')
  }
  const url = URL.parse(connectionString)
  if (!url) throw new RequestError(400, 'invalid connection string: not a URL')
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw new RequestError(400, 'incorrect scheme')
  }
  const login = {
    user: decodeUrlPart(url.username),
    password: decodeUrlPart(url.password),
    database: decodeUrlPart(url.pathname.slice(1)),
  }
  if (!login.database) throw new RequestError(400, 'invalid database name')
  if (!login.user) throw new RequestError(400, 'missing username')
  if (!login.password) {
    throw new RequestError(400, 'missing authentication credentials: required password')
  }
  if (!url.hostname) throw new RequestError(400, 'missing hostname')
  return login
}

function decodeUrlPart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new RequestError(400, 'invalid connection string: malformed percent-encoding')
  }
}

function checkLogin(given: Login, expected: Login): void {
  if (given.user !== expected.user || given.password !== expected.password) {
    throw new RequestError(400, `password authentication failed for user '${given.user}'`)
  }
  if (given.database !== expected.database) {
    throw new SqlError('connect', `database "${given.database}" does not exist`, {
      fields: { severity: 'FATAL', code: '3D000' },
    })
  }
}

const isolationLevels = new Map([
  ['ReadUncommitted', 'READ UNCOMMITTED'],
  ['ReadCommitted', 'READ COMMITTED'],
  ['RepeatableRead', 'REPEATABLE READ'],
  ['Serializable', 'SERIALIZABLE'],
])

type RequestOptions = RowFormat & {
  /** The statement that begins a batch. */
  begin: string
  /** What a batch's answer repeats of the request. */
  batchHeaders: Record<string, string>
}

/** Flags count only as exactly `true`; an isolation level must be known even where it is unused. */
function readOptions({ headers }: IncomingMessage): RequestOptions {
  const isTrue = (name: string) => headers[name] === 'true'
  const begin = ['BEGIN']
  const batchHeaders: Record<string, string> = {}
  const level = headers['neon-batch-isolation-level']
  if (level !== undefined) {
    const isolation = isolationLevels.get(String(level))
    if (!isolation) throw new RequestError(400, 'invalid isolation level')
    begin.push(`ISOLATION LEVEL ${isolation}`)
    batchHeaders['neon-batch-isolation-level'] = String(level)
  }
  if (isTrue('neon-batch-read-only')) {
    begin.push('READ ONLY')
    batchHeaders['neon-batch-read-only'] = 'true'
  }
  if (isTrue('neon-batch-deferrable')) {
    begin.push('DEFERRABLE')
    batchHeaders['neon-batch-deferrable'] = 'true'
  }
  return {
    raw: isTrue('neon-raw-text-output'),
    arrayMode: isTrue('neon-array-mode'),
    begin: begin.join(' '),
    batchHeaders,
  }
}

/** The extended protocol counts parameters in 16 bits, and ends a query's text at a NUL. */
const queryBody = z.object({
  query: z.string().refine((text) => !text.includes('\0'), 'string contains embedded null'),
  params: z.array(z.unknown()).max(65_535).default([]),
  arrayMode: z.boolean().nullish(),
})
const requestBody = z.union([queryBody, z.object({ queries: z.array(queryBody) })])

type Query = { query: string; params: (string | null)[]; arrayMode?: boolean | null | undefined }

function readPayload(body: Buffer): Query | { queries: Query[] } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    const payload = requestBody.parse(parseRequestJson(text))
    return 'queries' in payload ? { queries: payload.queries.map(toQuery) } : toQuery(payload)
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error)
    throw new RequestError(400, `could not parse the HTTP request body: ${reason}`)
  }
}

function toQuery(body: z.infer<typeof queryBody>): Query {
  return { ...body, params: body.params.map(paramToText) }
}

/** Runs statements and writes their results, as long as all of them together stay in the limit. */
function createAnswer() {
  let byteCount = 0
  const write = (json: string) => {
    byteCount += Buffer.byteLength(json) + 1
    if (byteCount > maxResponseBytes) {
      throw new RequestError(507, `response is too large (max is ${maxResponseBytes} bytes)`)
    }
    return json
  }
  return {
    run: async (run: RunSql, query: Query, { raw, arrayMode }: RowFormat): Promise<string> => {
      const result = await run(query.query, query.params)
      const format = { raw, arrayMode: query.arrayMode ?? arrayMode }
      const head = write(`{"rowAsArray":${format.arrayMode},"fields":${fieldsToJson(result)}`)
      const rows = Array.from(rowsToJson(result, format), write)
      const { command, rowCount } = result
      return `${head},"rows":[${rows.join(',')}],"command":${JSON.stringify(command)},"rowCount":${rowCount}}`
    },
  }
}

function fieldsToJson({ fields }: SqlResult): string {
  return JSON.stringify(
    fields.map((field) => ({
      name: field.name,
      dataTypeID: field.dataTypeID,
      tableID: field.tableID,
      columnID: field.columnID,
      dataTypeSize: field.dataTypeSize,
      dataTypeModifier: field.dataTypeModifier,
      format: 'text',
    })),
  )
}

function answerError(error: unknown): Answer {
  if (error instanceof SqlError) {
    const status = error.kind === 'connect' ? 500 : 400
    return { status, body: errorJson(error.message, error.fields) }
  }
  if (error instanceof RequestError) {
    return { status: error.status, body: errorJson(error.message, {}) }
  }
  return { status: 500, body: errorJson(`Internal error: ${String(error)}`, {}) }
}

/** Neon sends each field: absent ones as null, but for an empty `code` and `severity`. */
function errorJson(message: string, fields: ErrorFields): string {
  const absent = Object.fromEntries(errorFieldNames.map((name) => [name, null]))
  return JSON.stringify({ message, ...absent, code: '', severity: '', ...fields })
}
