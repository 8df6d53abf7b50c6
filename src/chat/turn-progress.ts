/**
 * A reply while it grows, between the turn that writes it and the answer that watches it. The writer never waits: a
 * slow reader finds all that came meanwhile as one piece, and one that leaves changes nothing.
 */
export interface TurnProgress<End> {
  readonly text: string
  append(text: string): void
  end(end: End): void
  /** How it ended. */
  readonly ended: Promise<End>
  /** Resolves once there is more text than `length` UTF-16 units, or the end. */
  moreThan(length: number): Promise<void>
}

export function createTurnProgress<End>(): TurnProgress<End> {
  const { promise: ended, resolve: settle } = Promise.withResolvers<End>()
  let change = Promise.withResolvers<void>()
  let text = ''
  let isEnded = false

  function changed() {
    change.resolve()
    change = Promise.withResolvers<void>()
  }

  return {
    get text() {
      return text
    },
    append(more) {
      text += more
      changed()
    },
    end(end) {
      isEnded = true
      settle(end)
      changed()
    },
    ended,
    async moreThan(length) {
      while (text.length <= length && !isEnded) await change.promise
    },
  }
}
