import { once } from 'node:events'
import type { Server } from 'node:net'

/**
 * Lets a TCP or HTTP server listen and returns its port; 0 takes a free one.
 *
 * @throws if the port is taken.
 */
export async function listen(server: Server, port = 0, host = '127.0.0.1'): Promise<number> {
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return address.port
}
