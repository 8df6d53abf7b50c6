export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

/**
 * Waits, but no longer than until the network is back. Resolves, never rejects: who slept looks at
 * the signal.
 */
export function sleepUntilOnline(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    globalThis.addEventListener?.('online', done)
    if (signal.aborted) done()
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      globalThis.removeEventListener?.('online', done)
      resolve()
    }
  })
}

/** The waits after a lost connection, before each further attempt; the last one again and again. */
const pausesMs = [1000, 2000, 4000, 8000, 15_000] as const

export function backoffMs(losses: number): number {
  return pausesMs[losses] ?? pausesMs[4]
}
