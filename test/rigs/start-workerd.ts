import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inject } from 'vitest'
import { unstable_readConfig as readConfig } from 'wrangler'
import { noSharedCaps } from './no-shared-caps.ts'

export interface Workerd {
  /** Without a slash at its end. */
  url: string
  /** Of its process. */
  pid: number
  /** SIGSTOP and SIGCONT: it sleeps past its lease and comes back. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** SIGKILL: no handler runs, no write is finished. Resolves once the process is gone, its connections with it. */
  kill(): Promise<void>
  close(): Promise<void>
}

/**
 * The built Worker in a workerd process of its own, which may be killed. Unlike the harness of wrangler it lets the
 * upstream see that a call was aborted.
 * @param vars the settings, all of them but for the caps that tests cannot share
 */
export async function startWorkerd(vars: Record<string, string>): Promise<Workerd> {
  const { compatibility_date: date, compatibility_flags: flags } = readConfig({
    config: 'wrangler.toml',
  })
  const folder = await mkdtemp(join(tmpdir(), 'workerd-'))
  await copyFile(join(inject('workerDir'), 'index.js'), join(folder, 'index.js'))
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
  const port = await listeningPort(child)

  async function kill() {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    signal: (signal) => child.kill(signal),
    kill,
    async close() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
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
  const listening = (async () => {
    for await (const line of createInterface({ input: control })) {
      const event = JSON.parse(line) as { event: string; port?: number }
      if (event.event === 'listen' && event.port !== undefined) return event.port
    }
    throw new Error('workerd never listened')
  })()
  // Losing is no fault: the process ends after it listened, too.
  ended.catch(() => {})
  return Promise.race([listening, ended])
}
