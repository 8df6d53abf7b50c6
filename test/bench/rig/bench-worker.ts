import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { startWorkerd, withoutObjects, type Workerd } from '../../rigs/start-workerd.ts'

/** A Worker of `test/bench`, bundled and minified as the product is. */
export async function startBareWorker(source: URL, vars: Record<string, string>): Promise<Workerd> {
  const folder = await mkdtemp(join(tmpdir(), 'bare-worker-'))
  try {
    const outfile = join(folder, 'index.js')
    await build({
      entryPoints: [fileURLToPath(source)],
      outfile,
      bundle: true,
      minify: true,
      format: 'esm',
      conditions: ['workerd', 'worker', 'browser'],
      logLevel: 'warning',
    })
    return await startWorkerd({ ...vars, ...withoutObjects }, { script: outfile })
  } finally {
    await rm(folder, { recursive: true })
  }
}

export interface WorkerClient {
  /** Sends a turn and reads the whole answer; throws unless it is a 200. */
  ask(body: object): Promise<string>
  close(): void
}

/** A client with one connection, which it keeps. */
export function createWorkerClient(url: string, headers: Record<string, string>): WorkerClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const allHeaders = { 'content-type': 'application/json', ...headers }
  return {
    async ask(body) {
      const sent = request(url, { method: 'POST', agent, headers: allHeaders })
      sent.end(JSON.stringify(body))
      const [response] = (await once(sent, 'response')) as [IncomingMessage]
      const text = await readText(response)
      if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${text}`)
      return text
    },
    close: () => agent.destroy(),
  }
}
