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
  /** Sends a message to the object of a reply, past the Worker's routes. Needs the option `probe`. */
  askObject(replyId: string, message: string): Promise<Response>
  /** SIGSTOP and SIGCONT: the process sleeps past its lease and comes back. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** SIGKILL: no handler runs, no write is finished. Resolves once the process and its connections are gone. */
  kill(): Promise<void>
  close(): Promise<void>
}

export interface WorkerdOptions {
  /** The Worker's one module. */
  script?: string
  /**
   * A module that exports a class `LiveReply` in place of the Worker's own, which it can import from `./index.js`. Its
   * objects run whatever TEST_LIVE_REPLIES says.
   */
  objects?: string
  /** Whether the test calls the objects by itself, through `askObject`. */
  probe?: boolean
}

/** A setting of this name takes the place of the binding, so that the Worker writes each reply itself. */
export const withoutObjects = { LIVE_REPLIES: '' }

/** The project `alone` runs the http tests without the objects of live replies. */
export const usualObjects = process.env['TEST_LIVE_REPLIES'] === 'off' ? withoutObjects : undefined

/**
 * Starts the built Worker in a workerd process of its own, without wrangler. A start costs a tenth of what the harness of
 * wrangler costs, a request a third, and the upstream sees when a call is aborted.
 * @param vars all settings except the caps that tests cannot share
 */
export async function startWorkerd(
  vars: Record<string, string>,
  { script = join(inject('workerDir'), 'index.js'), objects, probe = false }: WorkerdOptions = {},
): Promise<Workerd> {
  const folder = await mkdtemp(join(tmpdir(), 'workerd-'))
  await copyFile(script, join(folder, 'index.js'))
  if (objects !== undefined) await writeFile(join(folder, 'objects.js'), objects)
  await writeFile(join(folder, 'probe.js'), probeScript)
  const all = { ...noSharedCaps, ...(objects === undefined && usualObjects), ...vars }
  await writeFile(
    join(folder, 'config.capnp'),
    configOf(all, { hasOwnObjects: objects !== undefined, probe }),
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
  const ports = await listeningPorts(child, probe ? 2 : 1)

  async function kill() {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  return {
    url: `http://127.0.0.1:${ports.get('http')}`,
    pid,
    logs: () => [...lines],
    clearLogs: () => lines.splice(0),
    askObject: (replyId, message) =>
      fetch(`http://127.0.0.1:${ports.get('probe')}/${replyId}`, { method: 'POST', body: message }),
    signal: (signal) => child.kill(signal),
    kill,
    async close() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Passes a message on to the object that its path names. 500: the object failed. */
const probeScript = `export default {
  fetch: (request, { LIVE_REPLIES }) =>
    LIVE_REPLIES.getByName(new URL(request.url).pathname.slice(1))
      .fetch(request)
      .catch(() => new Response(null, { status: 500 })),
}`

interface ConfigOptions {
  /** Whether the class of the objects is that of `objects.js`. */
  hasOwnObjects: boolean
  probe: boolean
}

function configOf(vars: Record<string, string>, { hasOwnObjects, probe }: ConfigOptions): string {
  const { compatibilityDate, compatibilityFlags } = inject('compatibility')
  const text = (value: unknown) => JSON.stringify(value)
  const objectsService = hasOwnObjects ? 'objects' : 'main'
  const namespace = `(name = "LIVE_REPLIES", durableObjectNamespace = (className = "LiveReply", serviceName = "${objectsService}"))`
  const settings = Object.entries(vars).map(
    ([name, value]) => `(name = ${text(name)}, text = ${text(value)})`,
  )
  // A setting of this name stands in for the binding, and turns the objects off.
  const hasObjects = vars['LIVE_REPLIES'] === undefined
  if (hasObjects) settings.push(namespace)
  const worker = (name: string, modules: string[], bindings: string[], more = '') => `
    (name = "${name}", worker = (
      modules = [${modules.map((module) => `(name = "${module}", esModule = embed "${module}")`).join(', ')}],
      compatibilityDate = ${text(compatibilityDate)},
      compatibilityFlags = [${compatibilityFlags.map(text).join(', ')}],
      globalOutbound = "loopback",
      bindings = [${bindings.join(', ')}]${more}
    ))`
  const ofObjects = `,
      durableObjectNamespaces = [(className = "LiveReply", uniqueKey = "live-replies", enableSql = true)],
      durableObjectStorage = (inMemory = void)`
  const services = [
    worker('main', ['index.js'], settings, hasObjects && !hasOwnObjects ? ofObjects : ''),
    ...(hasOwnObjects ? [worker('objects', ['objects.js', 'index.js'], settings, ofObjects)] : []),
    ...(probe ? [worker('probe', ['probe.js'], [namespace])] : []),
    '\n    (name = "loopback", network = (allow = ["127.0.0.0/8"]))',
  ]
  const socket = (name: string, service: string) =>
    `(name = "${name}", address = "127.0.0.1:0", http = (), service = "${service}")`
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services.join(',')}
  ],
  sockets = [${[socket('http', 'main'), ...(probe ? [socket('probe', 'probe')] : [])].join(', ')}]
);`
}

/** The binary itself: a process in between would take the signals. */
function workerdBinary(): string {
  const require = createRequire(import.meta.url)
  return (require('workerd') as { default: string }).default
}

/** workerd writes `{"event":"listen","socket":"http","port":…}` to its control file for each socket that it serves. */
async function listeningPorts(child: ChildProcess, count: number): Promise<Map<string, number>> {
  const control = child.stdio[3]
  if (!control || !('readable' in control)) throw new Error('workerd has no control file')
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`workerd ended with ${String(code)} before it listened`)
  })
  // The process ends after it has listened, too.
  ended.catch(() => {})
  const listening = (async () => {
    const ports = new Map<string, number>()
    for await (const line of createInterface({ input: control })) {
      const event = JSON.parse(line) as { event: string; socket?: string; port?: number }
      if (event.socket !== undefined && event.port !== undefined)
        ports.set(event.socket, event.port)
      if (ports.size === count) return ports
    }
    throw new Error('workerd never listened')
  })()
  return Promise.race([listening, ended])
}
