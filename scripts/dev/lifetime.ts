import { DevError } from './dev-error.ts'
import { watchParent } from './watch-parent.ts'

export interface Part {
  close(): Promise<void>
  /** Ends what `close` has not ended; must not wait. */
  kill?(): void
}

export interface Lifetime {
  /** Takes over the closing of a part that was started. */
  use: <Started extends Part>(part: Started) => Started
  /** Closes everything and ends this process with 1. Prints the first error, and only the message of a DevError. */
  fail: (error: unknown) => void
}

/** npm passes Ctrl-C on to a process that already got it from the terminal: two signals at once count as one. */
const sameSignalMs = 500

/**
 * Ties this process to its parts. It closes them, in the order in which they started, on SIGINT, SIGTERM and SIGHUP, when
 * its parent ends, and when one of them fails. A second signal ends the process at once.
 */
export function createLifetime(): Lifetime {
  const parts: Part[] = []
  let stoppingSince: number | undefined

  async function stop(exitCode: number): Promise<void> {
    if (stoppingSince !== undefined) return
    stoppingSince = performance.now()
    for (const part of parts) {
      // oxlint-disable-next-line no-await-in-loop -- a part that calls another one closes before it
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
  // The terminal may close before the parts do.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  watchParent(() => void stop(0))

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
