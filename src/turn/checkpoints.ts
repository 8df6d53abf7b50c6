import { Problem } from '../errors.ts'

const firstMs = 2_000
const growth = 1.5
const longestMs = 7_000
/** From then on, the longest delay is this part of the time so far, since the calls of a turn are limited. */
const rareAfterMs = 120_000
const rarePart = 0.1

/** Milliseconds from each checkpoint to the next: growing, and never more than half the lease that it renews. */
export function* checkpointDelaysMs(leaseMs: number): Generator<number, never> {
  let elapsedMs = 0
  for (let growingMs = firstMs; ; growingMs *= growth) {
    const mostMs = elapsedMs < rareAfterMs ? longestMs : elapsedMs * rarePart
    const delayMs = Math.min(growingMs, mostMs, leaseMs / 2)
    elapsedMs += delayMs
    yield delayMs
  }
}

/** How many checkpoints a reply of `durationMs` costs. */
export function checkpointCount(durationMs: number, leaseMs: number): number {
  let elapsed = 0
  let count = 0
  for (const delay of checkpointDelaysMs(leaseMs)) {
    elapsed += delay
    if (elapsed >= durationMs) break
    count += 1
  }
  return count
}

export interface CheckpointOptions {
  leaseMs: number
  /** Never rejects: the next save makes up for one that failed. */
  save: () => Promise<'go_on' | 'stop' | 'lost'>
  /** Ends the turn's completion. */
  stop: AbortController
}

/**
 * Saves the reply as it grows, until `end`. The turn does not wait for a save in flight: once the reply is finished, a
 * late save changes nothing. The pause counts from the beginning of a save, so that an unanswered save leaves time for the
 * next one within the lease.
 */
export function keepCheckpoints({ leaseMs, save, stop }: CheckpointOptions): Checkpoints {
  let timer: ReturnType<typeof setTimeout> | undefined
  let ended = false
  const delays = checkpointDelaysMs(leaseMs)

  function schedule(elapsedMs: number) {
    clearTimeout(timer)
    if (!ended) timer = setTimeout(saveNow, Math.max(0, delays.next().value - elapsedMs))
  }

  function saveNow() {
    clearTimeout(timer)
    void checkpoint()
  }

  async function checkpoint() {
    const beginsAt = Date.now()
    const answer = await save()
    if (answer === 'stop') stop.abort(new Problem('stopped'))
    if (answer === 'lost') stop.abort(new Problem('interrupted'))
    schedule(Date.now() - beginsAt)
  }

  schedule(0)
  return {
    saveNow,
    end() {
      ended = true
      clearTimeout(timer)
    },
  }
}

export interface Checkpoints {
  /** Saves at once, ahead of time. */
  saveNow: () => void
  end(): void
}
