import http from 'node:http'
import { buffer } from 'node:stream/consumers'
import { listen } from '../../scripts/dev/listen.ts'

/** One call to the database on its way. */
export interface RelayedCall {
  request: http.IncomingMessage
  response: http.ServerResponse
  body: Buffer
  /** Lets the endpoint carry the call out. */
  forward(): Promise<{ status: number; bytes: Buffer }>
}

export interface DatabaseRelay {
  /** The URL to give as NEON_HTTP_ENDPOINT. */
  url: string
  /** Listens again, at the same port, after `close`. */
  listen(): Promise<void>
  close(): Promise<void>
}

/** A server between the Worker and the endpoint. `serve` handles each call; the connection is lost if it fails. */
export async function startDatabaseRelay(
  endpoint: string,
  serve: (call: RelayedCall) => Promise<void>,
): Promise<DatabaseRelay> {
  const server = http.createServer((request, response) => {
    void (async () => {
      const body = await buffer(request)
      await serve({ request, response, body, forward: () => forward(endpoint, request, body) })
    })().catch(() => response.destroy())
  })
  // A Worker may take up a connection at the very moment that the server would drop it as idle.
  server.keepAliveTimeout = 0
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}/sql`,
    listen: async () => void (await listen(server, port)),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function forward(endpoint: string, request: http.IncomingMessage, body: Buffer) {
  const neonHeaders = Object.entries(request.headers).filter(([name]) => name.startsWith('neon-'))
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: Object.fromEntries(neonHeaders) as Record<string, string>,
    body: new Uint8Array(body),
  })
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) }
}

export function answerWith(response: http.ServerResponse, status: number, body: string | Buffer) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}
