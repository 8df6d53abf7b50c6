import http from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * How a call to the database goes wrong. `before` and `after`: whether the statement ran. `late`: it runs unheard, once
 * another call has been answered. `repeats everything`: a definite error whose fields hold all that was sent.
 */
export type DatabaseFault =
  | 'reset before'
  | 'reset after'
  | 'silent before'
  | 'silent after'
  | 'cut'
  | 'lost connection'
  | 'server error'
  | 'html'
  | 'late'
  | 'repeats everything'

export interface DatabaseCall {
  /** The SQL of its statements: one, or those of a batch. */
  statements: string[]
  /** Bytes of the answer. */
  bytes: number
}

export interface DatabaseProxy {
  /** The URL to give as NEON_HTTP_ENDPOINT. */
  url: string
  calls: DatabaseCall[]
  /** Asked at each call, by its number from 0 since `clear`; undefined lets it pass. */
  fault: (call: DatabaseCall, index: number) => DatabaseFault | undefined
  clear(): void
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

  async function serve(request: http.IncomingMessage, response: http.ServerResponse) {
    const body = await readAll(request)
    const call = { statements: statementsOf(body), bytes: 0 }
    const fault = proxy.fault(call, proxy.calls.push(call) - 1)
    onCall(call)
    switch (fault) {
      case 'reset before':
        request.socket.resetAndDestroy()
        return
      case 'silent before':
        return
      case 'lost connection':
        response.writeHead(400, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ message: 'connection lost', code: '' }))
        return
      case 'server error':
        response.writeHead(500).end('compute trouble')
        return
      case 'html':
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Hello')
        return
      case 'repeats everything': {
        const everything = `${body.toString()} ${JSON.stringify(request.headers)}`
        response.writeHead(400, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ message: everything, detail: everything, code: 'XX000' }))
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
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sql`
  return proxy
}

async function readAll(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function statementsOf(body: Buffer): string[] {
  const parsed = JSON.parse(body.toString()) as { query?: string; queries?: { query: string }[] }
  return parsed.queries?.map(({ query }) => query) ?? [parsed.query ?? '']
}
