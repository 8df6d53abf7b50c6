import { connect, createServer, type Socket } from 'node:net'
import { listen } from '../../scripts/dev/listen.ts'

export interface Line {
  url: string
  /** Resets every open connection; new ones go through. */
  cut(): void
  close(): void
}

/** A TCP proxy before the server at `url` whose connections can be cut at any moment. */
export async function startLine(url: string): Promise<Line> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  const line = createServer((socket) => {
    const upstream = connect(Number(port), hostname)
    for (const end of [socket, upstream]) {
      sockets.add(end)
      end.on('error', () => {})
      end.on('close', () => {
        sockets.delete(end)
        socket.destroy()
        upstream.destroy()
      })
    }
    socket.pipe(upstream).pipe(socket)
  })
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: `http://127.0.0.1:${await listen(line)}`,
    cut,
    close() {
      cut()
      line.close()
    },
  }
}
