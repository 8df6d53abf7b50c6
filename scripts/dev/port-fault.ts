import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { promisify } from 'node:util'
import { listen } from './listen.ts'

const loopbackHosts = ['127.0.0.1', '::1']

/** The reason why this process cannot listen on a port of `localhost`; undefined if the port is free. */
export async function portFault(port: number): Promise<string | undefined> {
  const faults = await Promise.all(
    loopbackHosts.map(async (host) =>
      // macOS lets a server listen on 127.0.0.1 beside another on all addresses, so connect first.
      (await isAnswered(port, host)) ? 'EADDRINUSE' : listenFault(port, host),
    ),
  )
  if (faults.includes('EADDRINUSE')) return `is taken${await listenerOf(port)}`
  return faults.includes('EACCES') ? 'needs more rights than you have' : undefined
}

async function isAnswered(port: number, host: string): Promise<boolean> {
  const socket = connect({ port, host })
  return once(socket, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy())
}

async function listenFault(port: number, host: string): Promise<string | undefined> {
  const server = createServer()
  try {
    await listen(server, port, host)
    await promisify(server.close.bind(server))()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

/** Such as ` by node (process 123)`, if the system has `lsof`. */
async function listenerOf(port: number): Promise<string> {
  const list = ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc']
  const { stdout } = await promisify(execFile)('lsof', list).catch(() => ({ stdout: '' }))
  const [, processId, name] = /^p(\d+)\nc(.+)$/m.exec(stdout) ?? []
  return processId === undefined ? '' : ` by ${name} (process ${processId})`
}

export async function findFreePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await promisify(server.close.bind(server))()
  return port
}
