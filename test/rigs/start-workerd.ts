import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inject } from 'vitest'
import { unstable_readConfig as readConfig } from 'wrangler'
import { endWithThisProcess } from './end-with-process.ts'
import { noSharedCaps } from './no-shared-caps.ts'

export interface Workerd {
  /** Without a slash at its end. */
  url: string
  /** Of its process. */
  pid: number
  /** SIGSTOP pauses it past its lease; SIGCONT resumes it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** SIGKILL: no handler runs, no write is finished. Resolves once the process is gone, its connections with it. */
  kill(): Promise<void>
  close(): Promise<void>
}

/**
 * A Worker in a workerd process of its own, which a test may kill. Unlike wrangler's harness, it lets the upstream see
 * that a call was aborted.
 * @param vars the settings; the caps that tests cannot share are off unless they are named here
 * @param script the Worker's one module; by default the built Worker
 */
export async function startWorkerd(
  vars: Record<string, string>,
  script = join(inject('workerDir'), 'index.js'),
): Promise<Workerd> {
  const { compatibility_date: date, compatibility_flags: flags } = readConfig({
    config: 'wrangler.toml',
  })
  const folder = await mkdtemp(join(tmpdir(), 'workerd-'))
  await copyFile(script, join(folder, 'index.js'))
  const text = (value: unknown) => JSON.stringify(value)
  const bindings = Object.entries({ ...noSharedCaps, ...vars }).map(
    ([name, value]) => `(name = ${text(name)}, text = ${text(value)})`,
  )
  await writeFile(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = ${text(date)},
      compatibilityFlags = [${flags.map(text).join(', ')}],
      globalOutbound = "loopback",
      bindings = [${bindings.join(', ')}]
    )),
    (name = "loopback", network = (allow = ["127.0.0.0/8"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);`,
  )
  const child = spawn(workerdBinary(), ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error('workerd did not start')
  child.once('exit', endWithThisProcess(pid))
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
    signal: (signal) => child.kill(signal),
    kill,
    async close() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The binary itself, so that signals reach workerd and no process in between. */
function workerdBinary(): string {
  const require = createRequire(import.meta.url)
  return (require('workerd') as { default: string }).default
}

/** Once workerd serves, it writes `{"event":"listen","socket":"http","port":…}` to its control file. */
async function listeningPort(child: ChildProcess): Promise<number> {
  const control = child.stdio[3]
  if (!control || !('readable' in control)) throw new Error('workerd has no control file')
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`workerd ended with ${String(code)} before it listened`)
  })
  const listening = (async () => {
    for await (const line of createInterface({ input: control })) {
      const event = JSON.parse(line) as { event: string; port?: number }
      if (event.event === 'listen' && event.port !== undefined) return event.port
    }
    throw new Error('workerd never listened')
  })()
  // The process also ends after it has listened, which is no fault.
  ended.catch(() => {})
  return Promise.race([listening, ended])
}
