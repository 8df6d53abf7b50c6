import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

export interface CuttingLine {
  url: string
  /** Breaks the next streams off: each after so many bytes of its body; `-1`: before its headers. */
  cutNext(...bytes: number[]): void
  close(): Promise<void>
}

/** A proxy before the server at `url` that loses connections on request. */
export async function startCuttingLine(url: string): Promise<CuttingLine> {
  const cuts: number[] = []

  function forward(incoming: IncomingMessage, response: ServerResponse) {
    const { method = 'GET', headers } = incoming
    const path = incoming.url ?? '/'
    const isStream = path.endsWith('/v1/chat') || path.endsWith('/stream')
    const cut = isStream ? cuts.shift() : undefined
    const upstream = request(new URL(path, url), { method, headers }, (answer) => {
      if (cut === -1) return lose()
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      let left = cut ?? Infinity
      answer.on('data', (bytes: Buffer) => {
        const sent = bytes.subarray(0, left)
        left -= sent.length
        response.write(sent, () => left === 0 && lose())
      })
      answer.on('end', () => response.end())
      // Maybe only the headers are to come.
      if (left === 0) response.write('', lose)
      response.flushHeaders()
    })
    function lose() {
      response.destroy()
      upstream.destroy()
    }
    upstream.on('error', () => response.destroy())
    response.on('close', () => upstream.destroy())
    incoming.pipe(upstream)
  }

  const line = createServer(forward)
  await once(line.listen(0, '127.0.0.1'), 'listening')
  const address = line.address()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    cutNext: (...bytes) => void cuts.push(...bytes),
    async close() {
      const closed = once(line, 'close')
      line.close()
      line.closeAllConnections()
      await closed
    },
  }
}
