import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inject } from 'vitest'
import { endWithThisProcess } from './end-with-process.ts'

export interface ManyWorkers {
  /** Of each Worker, in the order of its settings. */
  urls: string[]
  /** All that the process wrote: the logs of the Workers, and the warnings of workerd. */
  output(): string
  close(): Promise<void>
}

/** Starts the built Worker once for each of these settings, in one workerd process that says all that it can say. */
export async function startManyWorkers(settings: Record<string, string>[]): Promise<ManyWorkers> {
  const folder = await mkdtemp(join(tmpdir(), 'workers-'))
  await copyFile(join(inject('workerDir'), 'index.js'), join(folder, 'index.js'))
  await writeFile(join(folder, 'config.capnp'), configOf(settings))
  const workerd = (createRequire(import.meta.url)('workerd') as { default: string }).default
  const child = spawn(workerd, ['serve', 'config.capnp', '--verbose', '--control-fd=3'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  if (child.pid === undefined) throw new Error('workerd did not start')
  child.once('exit', endWithThisProcess(child.pid))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const control = child.stdio[3]
  if (!control || !('readable' in control)) throw new Error('workerd has no control file')
  const ports = new Map<string, number>()
  for await (const line of createInterface({ input: control })) {
    const event = JSON.parse(line) as { event: string; socket?: string; port?: number }
    if (event.socket !== undefined && event.port !== undefined) ports.set(event.socket, event.port)
    if (ports.size === settings.length) break
  }
  if (ports.size < settings.length) throw new Error(`workerd has ended:\n${output}`)
  return {
    urls: settings.map((_, index) => `http://127.0.0.1:${ports.get(`http${index}`)}`),
    output: () => output,
    async close() {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function configOf(settings: Record<string, string>[]): string {
  const { compatibilityDate, compatibilityFlags } = inject('compatibility')
  const workers = settings.map((vars, index) => {
    const bindings = Object.entries(vars).map(
      ([name, value]) => `(name = ${quoted(name)}, text = ${quoted(value)})`,
    )
    return `(name = "worker${index}", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = ${quoted(compatibilityDate)},
      compatibilityFlags = [${compatibilityFlags.map(quoted).join(', ')}],
      globalOutbound = "loopback",
      bindings = [${bindings.join(', ')}]
    ))`
  })
  const sockets = settings.map(
    (_, index) =>
      `(name = "http${index}", address = "127.0.0.1:0", http = (), service = "worker${index}")`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${workers.join(',\n    ')},
    (name = "loopback", network = (allow = ["127.0.0.0/8"]))
  ],
  sockets = [${sockets.join(', ')}]
);`
}

/** A text of Cap'n Proto: each byte outside of ASCII, and each control character, as an escape. */
function quoted(value: string): string {
  const bytes = Array.from(Buffer.from(value), (byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c
      ? `\\x${byte.toString(16).padStart(2, '0')}`
      : String.fromCodePoint(byte),
  )
  return `"${bytes.join('')}"`
}
