import { connect } from 'node:net'

/** A connection on which a test writes what no HTTP client would. */
export interface RawConnection {
  write(bytes: string): void
  /** Resolves with everything received, once the server has closed the connection. */
  closed: Promise<string>
  /** Whether the server or the test has closed the connection. */
  isClosed(): boolean
  destroy(): void
}

export function openRaw(url: string): RawConnection {
  const { hostname, port } = new URL(url)
  const closed = Promise.withResolvers<string>()
  let text = ''
  const socket = connect(Number(port), hostname)
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  // A server that refuses a request early may reset the rest: only its answer counts.
  socket.on('error', () => {})
  socket.on('close', () => closed.resolve(text))
  return {
    write: (bytes) => socket.write(bytes),
    closed: closed.promise,
    isClosed: () => socket.destroyed,
    destroy: () => socket.destroy(),
  }
}

export interface RawAnswer {
  status: number
  /** Status line and headers, in lower case. */
  head: string
  body: string
}

/** Writes a request, which must request `Connection: close`, and reads all answers. */
export async function sendRaw(url: string, request: string): Promise<RawAnswer[]> {
  const connection = openRaw(url)
  connection.write(request)
  return readAnswers(await connection.closed)
}

/** Splits what was received into answers, by their content-length. */
export function readAnswers(received: string): RawAnswer[] {
  const match = /^HTTP\/1\.[01] (\d{3})[^]*?\r\n\r\n/.exec(received)
  if (!match) return []
  const [start, status] = match
  const head = start.toLowerCase()
  const bytes = Buffer.from(received.slice(start.length))
  const length = Number(/^content-length: (\d+)/m.exec(head)?.[1] ?? bytes.length)
  const rest = readAnswers(bytes.subarray(length).toString())
  const body = bytes.subarray(0, length).toString()
  return [{ status: Number(status), head, body }, ...rest]
}
