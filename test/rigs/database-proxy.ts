import http from 'node:http'
import { listen } from '../../scripts/dev/listen.ts'
import { statementsOf } from './turn-call.ts'

/**
 * How a call to the database goes wrong. `before` and `after`: whether the statement ran. `late`: it runs once another
 * call has been answered, and nobody hears of it. `deadlock` and `serialization failure`: it was rolled back for the sake
 * of another transaction. `repeats everything`: a definite error whose fields hold all that was sent.
 */
export type DatabaseFault =
  | 'reset before'
  | 'reset after'
  | 'silent before'
  | 'silent after'
  | 'cut'
  | 'lost connection'
  | 'lost connection after'
  | 'server error'
  | 'html'
  | 'late'
  | 'deadlock'
  | 'serialization failure'
  | 'repeats everything'

export interface DatabaseCall {
  /** Path and query of the URL that was called. */
  path: string
  /** The SQL of its statements: one, or those of a batch. */
  statements: string[]
  /** All that was sent: what a test of many turns at once knows its own by. */
  body: string
  /** Bytes of the answer. */
  bytes: number
}

export interface DatabaseProxy {
  /** The URL to give as NEON_HTTP_ENDPOINT. */
  url: string
  calls: DatabaseCall[]
  /** Asked at each call, by its number from 0 since `clear`; undefined lets it pass. A promise holds it back. */
  fault: (
    call: DatabaseCall,
    index: number,
  ) => DatabaseFault | undefined | Promise<DatabaseFault | undefined>
  clear(): void
  /** From now on, or no longer: nobody listens at its port, and no connection is left. */
  refuse(): Promise<void>
  listen(): Promise<void>
  close(): Promise<void>
}

/** Stands between the Worker and the endpoint: counts, and fails on request. */
export async function startDatabaseProxy(
  endpoint: string,
  onCall: (call: DatabaseCall) => void = () => {},
): Promise<DatabaseProxy> {
  let answered = Promise.withResolvers<void>()
  const server = http.createServer((request, response) => {
    void serve(request, response).catch(() => response.destroy())
  })
  // A Worker may take up a connection at the very moment the server would drop it as idle.
  server.keepAliveTimeout = 0

  async function serve(request: http.IncomingMessage, response: http.ServerResponse) {
    const body = await readAll(request)
    const path = request.url ?? ''
    const call = {
      path,
      statements: statementsOf(body).map(({ query }) => query),
      body: body.toString(),
      bytes: 0,
    }
    const faulty = proxy.fault(call, proxy.calls.push(call) - 1)
    onCall(call)
    const fault = await faulty
    switch (fault) {
      case 'reset before':
        request.socket.resetAndDestroy()
        return
      case 'silent before':
        return
      case 'lost connection':
        refuse(response, lostConnection)
        return
      case 'server error':
        response.writeHead(500).end('compute trouble')
        return
      case 'html':
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Hello')
        return
      case 'deadlock':
        refuse(response, { message: 'deadlock detected', code: '40P01' })
        return
      case 'serialization failure':
        refuse(response, { message: 'could not serialize access', code: '40001' })
        return
      case 'repeats everything': {
        const everything = `${body.toString()} ${JSON.stringify(request.headers)}`
        refuse(response, { message: everything, detail: everything, code: 'XX000' })
        return
      }
      case 'late':
        await answered.promise
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => name.startsWith('neon-')),
    ) as Record<string, string>
    const answer = await fetch(endpoint, { method: 'POST', headers, body: new Uint8Array(body) })
    const bytes = Buffer.from(await answer.arrayBuffer())
    call.bytes = bytes.length
    if (fault === 'silent after' || fault === 'late') return
    if (fault === 'reset after') {
      request.socket.resetAndDestroy()
      return
    }
    if (fault === 'lost connection after') {
      refuse(response, lostConnection)
      return
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    // In chunks: the test harness would make a silence of a body that ends before its told length.
    if (fault === 'cut')
      response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
    else response.end(bytes)
    answered.resolve()
  }

  const proxy: DatabaseProxy = {
    url: '',
    calls: [],
    fault: () => undefined,
    clear() {
      proxy.calls = []
      proxy.fault = () => undefined
      answered = Promise.withResolvers()
    },
    refuse: close,
    listen: async () => {
      await listen(server, Number(new URL(proxy.url).port))
    },
    close,
  }
  proxy.url = `http://127.0.0.1:${await listen(server)}/sql`
  return proxy

  async function close() {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
}

/** As Neon answers if its own connection broke: no SQLSTATE says whether the statement ran. */
const lostConnection = { message: 'connection lost', code: '' }

function refuse(response: http.ServerResponse, error: Record<string, string>): void {
  response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(error))
}

async function readAll(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
