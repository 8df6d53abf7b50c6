/** The weight of a join halves in this time. */
const halfLifeMs = 10_000

/**
 * Counts the joins that an isolate has begun lately, with less weight for older ones. It needs no news of their end,
 * which an isolate does not always get.
 * @returns a function that counts one more, and returns the count
 */
export function createJoinLoad(): (nowMs: number) => number {
  let count = 0
  let countedAtMs = 0
  return (nowMs) => {
    const age = Math.max(0, nowMs - countedAtMs)
    count = count * 0.5 ** (age / halfLifeMs) + 1
    countedAtMs = nowMs
    return count
  }
}
