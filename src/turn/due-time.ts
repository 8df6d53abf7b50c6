/** The pause that is expected before a second lump has shown the real one. */
const firstGapMs = 5_000

/** Expects the next lump of a text, by the pauses between the lumps so far and between the reads that find them. */
export interface DueTime {
  /** A lump has come. Returns when the next one is expected. */
  afterLump(nowMs: number): number
  /** A read has found nothing. Returns when the next lump is expected now. */
  afterQuiet(nowMs: number): number
}

export function createDueTime(nowMs: number): DueTime {
  let gapMs = firstGapMs
  let lumpAtMs: number | undefined
  let readAtMs = nowMs
  let dueAtMs = 0

  return {
    afterLump(now) {
      // A mean in which the newest pause counts for half.
      if (lumpAtMs !== undefined) gapMs = (gapMs + now - lumpAtMs) / 2
      lumpAtMs = now
      readAtMs = now
      dueAtMs = now + gapMs
      return dueAtMs
    },
    afterQuiet(now) {
      // Twice the pause: if the next read finds nothing either, there is still text to deliver.
      dueAtMs = Math.max(dueAtMs, now + 2 * (now - readAtMs))
      readAtMs = now
      return dueAtMs
    },
  }
}
