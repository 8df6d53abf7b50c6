import { devNull } from 'node:os'
import { unstable_readConfig, unstable_startWorker } from 'wrangler'
import { createDeps } from '../../src/deps.ts'
import { Env, parseEnv } from '../../src/env.ts'
import type { SettingFault } from '../../src/env.ts'
import { Problem } from '../../src/errors.ts'
import { buildWidget } from '../build-widget.ts'

/*
 * The process of wrangler's dev server. It uses the programming interface for three reasons. Settings come over the
 * channel to the parent, not in arguments that everybody on the machine can list. All settings reach the Worker; the
 * command would drop those that `[secrets]` does not name. And when the parent ends in any way, the channel closes and
 * this process ends too.
 */

/** `settings` override `[vars]` of wrangler.toml. */
export type DevWorkerRequest =
  | { command: 'check'; settings: Record<string, string> }
  | { command: 'build' }
  | { command: 'start'; settings: Record<string, string>; port: number }

export type DevWorkerReply =
  | { kind: 'faults'; faults: SettingFault[] }
  /** `model` is the name and the host of the model. */
  | { kind: 'checked'; unknownNames: string[]; model: string }
  /** The widget is built, or the Worker has started. */
  | { kind: 'done' }
  /** A line that the Worker wrote with `console`. */
  | { kind: 'log'; level: string; message: string }
  | { kind: 'failed'; message: string }

const config = 'wrangler.toml'

/** The parts that were started so far. */
const parts: { stop(): Promise<void> }[] = []

/** Replaces `[build]`, with which wrangler would not watch the Worker's own sources. */
async function build(): Promise<void> {
  parts.push(await buildWidget({ watch: true }))
}

async function start(settings: Record<string, string>, port: number): Promise<void> {
  const worker = await unstable_startWorker({
    config,
    // Neither the .env of this folder, nor .dev.vars a second time.
    envFiles: [devNull],
    bindings: Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, { type: 'secret_text', value }]),
    ),
    // Readable stack traces.
    build: { nodejsCompatMode: null, custom: { command: '' }, minify: false },
    sendMetrics: false,
    dev: {
      server: { hostname: 'localhost', port },
      inspector: false,
      logLevel: 'warn',
      persist: false,
      remote: false,
      watch: true,
      structuredLogsHandler: ({ level, message }: { level: string; message: string }) =>
        reply({ kind: 'log', level, message }),
    },
  })
  parts.push({ stop: () => worker.dispose() })
  worker.raw.on('error', (error: unknown) => reply({ kind: 'failed', message: messageOf(error) }))
  await worker.ready
}

function check(settings: Record<string, string>): DevWorkerReply {
  const bindings = withVars(settings)
  try {
    createDeps({ ...boundObjects(), ...bindings })
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'misconfigured') throw error
    return { kind: 'faults', faults: error.options.members?.['settings'] as SettingFault[] }
  }
  const unknownNames = Object.keys(settings).filter((name) => !Object.hasOwn(Env.shape, name))
  const env = parseEnv(bindings)
  return {
    kind: 'checked',
    unknownNames,
    model: `${env.OPENAI_MODEL} at ${new URL(env.OPENAI_BASE_URL ?? 'https://api.openai.com').host}`,
  }
}

/** A stand-in for each Durable Object that is bound, since some settings need one. */
function boundObjects(): Record<string, object> {
  const { durable_objects: objects } = unstable_readConfig({ config }, { hideWarnings: true })
  return Object.fromEntries(objects.bindings.map(({ name }: { name: string }) => [name, {}]))
}

function withVars(settings: Record<string, string>): Record<string, string> {
  const { vars } = unstable_readConfig({ config }, { hideWarnings: true })
  return { ...(vars as Record<string, string>), ...settings }
}

async function obey(request: DevWorkerRequest): Promise<void> {
  if (request.command === 'check') return reply(check(request.settings))
  if (request.command === 'build') await build()
  else await start(withVars(request.settings), request.port)
  reply({ kind: 'done' })
}

function reply(message: DevWorkerReply): void {
  if (process.connected) process.send?.(message)
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error ? error : (error as { cause?: unknown } | undefined)?.cause
  return cause instanceof Error ? cause.message : String(cause ?? error)
}

process.on('message', (request: DevWorkerRequest) => {
  obey(request).catch((error: unknown) => reply({ kind: 'failed', message: messageOf(error) }))
})

// The terminal sends Ctrl-C to all its processes; this one waits until its parent closes the channel.
process.on('SIGINT', () => {})
process.once('disconnect', () => {
  Promise.all(parts.map((part) => part.stop())).then(
    () => process.exit(),
    () => process.exit(1),
  )
})
// If the parent was killed, nobody reads the output.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})
