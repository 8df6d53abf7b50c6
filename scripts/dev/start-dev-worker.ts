import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { DevError } from './dev-error.ts'
import type { DevWorkerReply, DevWorkerRequest } from './dev-worker.ts'
import { isKnownNoise } from './is-known-noise.ts'

export interface DevWorkerOptions {
  /** Called with each line of the Worker's log. */
  onLog: (line: { level: string; message: string }) => void
  /** Called with each line that wrangler itself writes: warnings and errors. */
  onOutput: (line: string) => void
}

export interface DevWorker {
  /** Checks settings as the Worker does, before anything starts. */
  check(settings: Record<string, string>): Promise<SettingsCheck>
  /** Builds the widget, and builds it again after each change. @throws DevError */
  build(): Promise<void>
  /** Comes after `build`. @throws DevError */
  start(settings: Record<string, string>, port: number): Promise<void>
  /** Rejects if wrangler ends or fails before `close`. */
  broken: Promise<never>
  close(): Promise<void>
  /** At once; with all that wrangler has started, if the system has process groups. */
  kill(): void
}

export type SettingsCheck = Extract<DevWorkerReply, { kind: 'faults' | 'checked' }>

type Answer = SettingsCheck | Extract<DevWorkerReply, { kind: 'done' }>

const closeTimeoutMs = 5_000

/** Forks the process that runs wrangler, but starts nothing in it yet. */
export function startDevWorker({ onLog, onOutput }: DevWorkerOptions): DevWorker {
  const child = fork(fileURLToPath(new URL('./dev-worker.ts', import.meta.url)), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // On POSIX, a group of its own can be killed as a whole. Windows would open a console for it.
    detached: process.platform !== 'win32',
    env: {
      ...process.env,
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_WRITE_LOGS: 'false',
    },
  })
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => forward(line, onOutput))
  }

  const exited = once(child, 'exit')
  let isClosing = false
  const broken = Promise.withResolvers<never>()
  // A caller may await `broken` later, or not at all.
  broken.promise.catch(() => {})
  child.on('error', (error) => broken.reject(error))
  child.on('exit', (code, signal) => {
    if (!isClosing) broken.reject(new DevError(`wrangler has ended (${signal ?? `code ${code}`})`))
  })

  let answer = Promise.withResolvers<Answer>()
  child.on('message', (message: DevWorkerReply) => {
    if (message.kind === 'log') return isKnownNoise(message.message) ? undefined : onLog(message)
    if (message.kind === 'failed') broken.reject(new DevError(`wrangler: ${message.message}`))
    else answer.resolve(message)
  })
  const ask = (request: DevWorkerRequest) => {
    answer = Promise.withResolvers<Answer>()
    child.send(request)
    return Promise.race([answer.promise, broken.promise])
  }

  const kill = () => {
    if (child.pid === undefined) return
    if (process.platform === 'win32') child.kill('SIGKILL')
    else killGroup(child.pid)
  }
  return {
    check: async (settings) => {
      const checked = await ask({ command: 'check', settings })
      if (checked.kind === 'done') throw new DevError('wrangler: unexpected answer')
      return checked
    },
    build: async () => {
      await ask({ command: 'build' })
    },
    start: async (settings, port) => {
      await ask({ command: 'start', settings, port })
    },
    broken: broken.promise,
    close: async () => {
      isClosing = true
      if (child.connected) child.disconnect()
      await Promise.race([exited, sleep(closeTimeoutMs, undefined, { ref: false })])
      kill()
    },
    kill,
  }
}

/** Also ends the processes that the leader of the group has left behind. */
function killGroup(groupId: number): void {
  try {
    process.kill(-groupId, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}

function forward(line: string, onOutput: (line: string) => void): void {
  const text = process.stdout.isTTY ? line : stripVTControlCharacters(line)
  if (text.trim() !== '' && !text.includes('[wrangler:info]')) onOutput(text)
}
