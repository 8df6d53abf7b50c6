export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

/** Waits for `ms`, or until the network is back, or until `signal` is aborted. Always resolves. */
export function sleepUntilOnline(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = new AbortController()
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, end)
    globalThis.addEventListener?.('online', done, end)
    if (signal.aborted) done()
    function done() {
      clearTimeout(timer)
      end.abort()
      resolve()
    }
  })
}

/** The pauses before the attempts after a lost connection. The last one repeats. */
const pausesMs = [1_000, 2_000, 4_000, 8_000, 15_000] as const

export function backoffMs(losses: number): number {
  return pausesMs[losses] ?? pausesMs[4]
}
