import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inject } from 'vitest'
import { endWithThisProcess } from './end-with-process.ts'
import { noSharedCaps } from './no-shared-caps.ts'

export interface Workerd {
  /** Without a slash at its end. */
  url: string
  pid: number
  /** The lines that the Worker wrote to its log. */
  logs(): string[]
  clearLogs(): void
  /** SIGSTOP and SIGCONT: the process sleeps past its lease and comes back. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** SIGKILL: no handler runs, no write is finished. Resolves once the process and its connections are gone. */
  kill(): Promise<void>
  close(): Promise<void>
}

/** The suite of the http tests runs a second time without the objects of live replies. */
const noObjects = process.env['TEST_LIVE_REPLIES'] === 'off' ? { LIVE_REPLIES: '' } : undefined

/**
 * Starts the built Worker in a workerd process of its own, without wrangler. A start costs a tenth of what the harness of
 * wrangler costs, a request a third, and the upstream sees when a call is aborted.
 * @param vars all settings except the caps that tests cannot share
 * @param script the Worker's one module
 */
export async function startWorkerd(
  vars: Record<string, string>,
  script = join(inject('workerDir'), 'index.js'),
): Promise<Workerd> {
  const folder = await mkdtemp(join(tmpdir(), 'workerd-'))
  await copyFile(script, join(folder, 'index.js'))
  await writeFile(
    join(folder, 'config.capnp'),
    configOf({ ...noSharedCaps, ...noObjects, ...vars }),
  )
  const child = spawn(workerdBinary(), ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error('workerd did not start')
  child.once('exit', endWithThisProcess(pid))
  const lines: string[] = []
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const port = await listeningPort(child)

  async function kill() {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  return {
    url: `http://127.0.0.1:${port}`,
    pid,
    logs: () => [...lines],
    clearLogs: () => lines.splice(0),
    signal: (signal) => child.kill(signal),
    kill,
    async close() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const objects = '(className = "LiveReply", uniqueKey = "live-replies", enableSql = true)'

function configOf(vars: Record<string, string>): string {
  const { compatibilityDate, compatibilityFlags } = inject('compatibility')
  const text = (value: unknown) => JSON.stringify(value)
  const bindings = Object.entries(vars).map(
    ([name, value]) => `(name = ${text(name)}, text = ${text(value)})`,
  )
  // A setting of this name stands in for the binding: it turns the objects off.
  const hasObjects = vars['LIVE_REPLIES'] === undefined
  if (hasObjects) bindings.push('(name = "LIVE_REPLIES", durableObjectNamespace = "LiveReply")')
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = ${text(compatibilityDate)},
      compatibilityFlags = [${compatibilityFlags.map(text).join(', ')}],
      globalOutbound = "loopback",
      bindings = [${bindings.join(', ')}],
      durableObjectNamespaces = [${hasObjects ? objects : ''}],
      durableObjectStorage = (inMemory = void)
    )),
    (name = "loopback", network = (allow = ["127.0.0.0/8"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);`
}

/** The binary itself: a process in between would take the signals. */
function workerdBinary(): string {
  const require = createRequire(import.meta.url)
  return (require('workerd') as { default: string }).default
}

/** workerd writes `{"event":"listen","socket":"http","port":…}` to its control file once it serves. */
async function listeningPort(child: ChildProcess): Promise<number> {
  const control = child.stdio[3]
  if (!control || !('readable' in control)) throw new Error('workerd has no control file')
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`workerd ended with ${String(code)} before it listened`)
  })
  // The process ends after it has listened, too.
  ended.catch(() => {})
  const listening = (async () => {
    for await (const line of createInterface({ input: control })) {
      const event = JSON.parse(line) as { event: string; port?: number }
      if (event.event === 'listen' && event.port !== undefined) return event.port
    }
    throw new Error('workerd never listened')
  })()
  return Promise.race([listening, ended])
}
