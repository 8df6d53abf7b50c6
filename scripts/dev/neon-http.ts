import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { listen } from './listen.ts'
import { type Answer, answerError, createAnswer } from './neon-answer.ts'
import { type Query, readNeonRequest, type RequestOptions } from './neon-request.ts'
import { createRoundTrips, type Delays, type RoundTrips, tripsOf } from './round-trips.ts'
import type { RunSql, SqlBackend } from './sql-backend.ts'

/** The answer to `GET /`, by which a script finds out who listens on a port. */
export const neonHttpBanner = 'neon-chat-history: local endpoint for the Neon serverless driver\n'

export interface NeonHttpOptions {
  backend: SqlBackend
  /**
   * The connection string whose user, password and database a request must name. Without it, any page in a browser that
   * learns the port could read the database by DNS rebinding: leave it out for throw-away data only.
   */
  connectionString?: string
  /** 0, the default, takes a free one. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
  /** None by default. Read at each request, so the caller may change them in between. */
  delays?: Delays
  /** Called with each answered request, before the answer is sent. */
  onExchange?: (exchange: Exchange) => void
}

/** The cost of a request for SQL. */
export interface Exchange {
  /** Of the request's body. */
  requestBytes: number
  /** Of the response's body. */
  responseBytes: number
  /** The round trips that Neon's proxy would make to the compute. */
  roundTrips: number
}

export interface NeonHttp {
  /** For `neonConfig.fetchEndpoint`. */
  url: string
  /** Drops the clients and waits for the requests that still run; the backend stays open. */
  close(): Promise<void>
}

/**
 * Serves the SQL-over-HTTP protocol of Neon's proxy at `POST /sql`, so that the unchanged driver
 * (`@neondatabase/serverless`, `neon()`) talks to a local database.
 *
 * It differs from Neon where a local endpoint must: hosts may be IP addresses, and there are no JWTs and no CORS
 * preflight, so no web page can call it.
 *
 * @throws if the port is taken.
 */
export async function startNeonHttp(options: NeonHttpOptions): Promise<NeonHttp> {
  const { port = 0, host = '127.0.0.1' } = options
  const running = new Set<Promise<void>>()
  const server = createServer((request, response) => {
    const exchange = serve(request, response, options).finally(() => running.delete(exchange))
    running.add(exchange)
  })
  // A Worker may reuse a connection at the very moment the server would drop it as idle.
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
  { backend, connectionString, delays, onExchange }: NeonHttpOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const path = request.url?.split('?')[0]
  if (request.method !== 'POST' || path !== '/sql') {
    request.resume()
    return { status: 400, body: JSON.stringify('query is not supported') }
  }
  const { payload, options, byteCount } = await readNeonRequest(request, connectionString)
  if (delays?.requestMs) await sleep(delays.requestMs)
  const roundTrips = createRoundTrips(delays?.roundTripMs)
  const context = { options, roundTrips, signal }
  const answer = await (
    'queries' in payload
      ? answerBatch(backend, payload.queries, context)
      : answerQuery(backend, payload, context)
  ).catch(answerError)
  onExchange?.({
    requestBytes: byteCount,
    responseBytes: Buffer.byteLength(answer.body),
    roundTrips: roundTrips.count,
  })
  return answer
}

interface Context {
  options: RequestOptions
  roundTrips: RoundTrips
  signal: AbortSignal
}

/** After an error the connection is closed, and the plans of its backend are gone. */
async function answerQuery(
  backend: SqlBackend,
  query: Query,
  { options, roundTrips, signal }: Context,
): Promise<Answer> {
  const answer = createAnswer()
  const body = await backend.withConnection(async (run) => {
    await roundTrips.take(tripsOf.statement)
    return answer.run(run, query, options)
  }, signal)
  return { status: 200, body }
}

/** After an error of a statement, a rollback leaves the connection in use; after an error of COMMIT it is closed. */
async function answerBatch(
  backend: SqlBackend,
  queries: Query[],
  context: Context,
): Promise<Answer> {
  const { options, roundTrips, signal } = context
  return backend.withConnection(async (run) => {
    await roundTrips.take(tripsOf.begin)
    await run(options.begin)
    let results: string[]
    try {
      results = await runAll(run, queries, context)
    } catch (error) {
      await roundTrips.take(tripsOf.end)
      // If the connection is lost, the first error says more.
      await run('ROLLBACK').catch(() => Promise.reject(error as Error))
      return answerError(error)
    }
    await roundTrips.take(tripsOf.end)
    await run('COMMIT')
    const body = `{"results":[${results.join(',')}]}`
    return { status: 200, body, headers: options.batchHeaders }
  }, signal)
}

async function runAll(
  run: RunSql,
  queries: Query[],
  { options, roundTrips }: Context,
): Promise<string[]> {
  const answer = createAnswer()
  const results: string[] = []
  for (const query of queries) {
    await roundTrips.take(tripsOf.statement)
    results.push(await answer.run(run, query, options))
  }
  return results
}
