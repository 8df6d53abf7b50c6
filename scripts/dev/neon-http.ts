import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen } from './listen.ts'
import { answerError, createAnswer } from './neon-answer.ts'
import type { Answer } from './neon-answer.ts'
import { readNeonRequest } from './neon-request.ts'
import type { SqlBackend } from './sql-backend.ts'

/** What `GET /` answers, so that a script finds out who listens on a port. */
export const neonHttpBanner = 'neon-chat-history: local endpoint for the Neon serverless driver\n'

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
  const { payload, options } = await readNeonRequest(request, connectionString)
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
