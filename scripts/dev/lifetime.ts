import { readFileSync } from 'node:fs'
import { DevError } from './dev-error.ts'

export type Part = {
  close(): Promise<void>
  /** Ends what `close` has not ended; must not wait. */
  kill?(): void
}

export type Lifetime = {
  /** Takes over the closing of a part that was started. */
  use: <Started extends Part>(part: Started) => Started
  /** Closes everything and ends this process with 1; the first error is printed, by its message if it is a DevError. */
  fail: (error: unknown) => void
}

const parentWatchMs = 500
/** npm passes Ctrl-C on to a process that has it from the terminal already: twice at once is once. */
const sameSignalMs = 500

/**
 * Ties this process to its parts: they are closed, in the order they came, on SIGINT, SIGTERM and SIGHUP, where its parent
 * ends, and where one of them fails. A second signal ends all at once.
 */
export function createLifetime(): Lifetime {
  const parts: Part[] = []
  let stoppingSince: number | undefined

  async function stop(exitCode: number): Promise<void> {
    if (stoppingSince !== undefined) return
    stoppingSince = performance.now()
    for (const part of parts) {
      // oxlint-disable-next-line no-await-in-loop -- what calls another is closed before it
      await part.close().catch((error: unknown) => console.error(error))
    }
    process.exit(exitCode)
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stoppingSince === undefined) void stop(0)
      else if (performance.now() - stoppingSince > sameSignalMs) process.exit(130)
    })
  }
  process.on('exit', () => parts.forEach((part) => part.kill?.()))
  // The terminal may be gone before the parts are closed.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

  // Who kills npm alone leaves its script running.
  const parents = parentIds()
  setInterval(() => {
    if (parentIds() !== parents) void stop(0)
  }, parentWatchMs).unref()

  return {
    use: (part) => {
      parts.push(part)
      return part
    },
    fail: (error) => {
      if (stoppingSince !== undefined) return
      console.error(error instanceof DevError ? `npm run dev: ${error.message}` : error)
      void stop(1)
    },
  }
}

/** The parent, and its parent too where npm has put a shell between that did not become the command. */
function parentIds(): string {
  const parent = process.ppid
  if (process.env['npm_lifecycle_event'] === undefined) return `${parent}`
  try {
    const stat = readFileSync(`/proc/${parent}/stat`, 'utf8')
    const [, name = '', grandparent = ''] = /\((.*)\) \S (\d+)/s.exec(stat) ?? []
    return /^(ba|da)?sh$/.test(name) ? `${parent} ${grandparent}` : `${parent}`
  } catch {
    return `${parent}`
  }
}
