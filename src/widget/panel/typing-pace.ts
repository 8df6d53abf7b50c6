/** The pace at which a growing text is shown. All times are in milliseconds, on one clock that never goes back. */
export interface TypingPace {
  /** The text has grown to this length. */
  arrived: (length: number, now: number) => void
  /** The length to show now. It reaches each length at most `maxLagMs` after its arrival. */
  shown: (now: number) => number
}

/** Less than a second, because a step can be late. */
export const maxLagMs = 900
/** After this time without such a pause, a pause counts half. */
const halfLifeMs = 1_000

/**
 * Spreads text that arrives in bursts over the time until the next burst, which it expects after the longest of the
 * last pauses. So text that arrives evenly is shown nearly at once.
 * @param length the part of the text that is shown already
 */
export function createTypingPace(length: number): TypingPace {
  let shown = length
  let shownAt = 0
  let arrivedAt: number | undefined
  let spreadMs = 0
  let due: { length: number; at: number }[] = []

  return {
    arrived(next, now) {
      const pauseMs = now - (arrivedAt ?? now)
      spreadMs = Math.min(maxLagMs, Math.max(pauseMs, spreadMs / 2 ** (pauseMs / halfLifeMs)))
      arrivedAt = now
      // Nothing was left to show, so the time before does not count.
      if (due.length === 0) shownAt = now
      due.push({ length: next, at: now + spreadMs })
    },
    shown(now) {
      let next = shown
      for (const { length: end, at } of due) {
        const part = at > now ? (now - shownAt) / (at - shownAt) : 1
        next = Math.max(next, shown + (end - shown) * part)
      }
      shown = next
      shownAt = now
      due = due.filter((each) => each.length > shown)
      return Math.floor(shown)
    },
  }
}
