import { Problem } from '../errors.ts'

export interface Deadlines {
  firstTokenTimeoutMs: number
  /** Between two chunks. */
  idleTimeoutMs: number
  /** The whole completion. */
  timeoutMs: number
}

/** Ends a completion that is late. The package's own timeout ends with the headers: it misses a stall in mid-stream. */
export function startDeadline(deadlines: Deadlines, outer: AbortSignal) {
  const { firstTokenTimeoutMs, idleTimeoutMs, timeoutMs } = deadlines
  const own = new AbortController()
  const abort = (detail: string) => own.abort(new Problem('model_timeout', { detail }))
  const whole = setTimeout(() => abort('The reply took too long'), timeoutMs)
  let pause = setTimeout(() => abort('The reply did not begin in time'), firstTokenTimeoutMs)
  let begun = false
  let heardAtMs = 0

  // One timer that looks at the clock when it fires: a new timer for each chunk would cost more than the chunk.
  function waitForNext(waitMs: number) {
    clearTimeout(pause)
    pause = setTimeout(() => {
      const leftMs = heardAtMs + idleTimeoutMs - Date.now()
      if (leftMs > 0) waitForNext(leftMs)
      else abort('The reply stalled')
    }, waitMs)
  }

  return {
    signal: AbortSignal.any([outer, own.signal]),
    /** @param hasBegun whether there was text or thinking: other events are no sign of life before it */
    heard(hasBegun: boolean) {
      if (!begun && !hasBegun) return
      heardAtMs = Date.now()
      if (!begun) waitForNext(idleTimeoutMs)
      begun = true
    },
    end() {
      clearTimeout(whole)
      clearTimeout(pause)
    },
  }
}
