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
  const state = { text: '', isEnded: false }

  function changed() {
    change.resolve()
    change = Promise.withResolvers<void>()
  }

  return {
    get text() {
      return state.text
    },
    append(more) {
      if (more === '') return
      state.text += more
      changed()
    },
    end(end) {
      state.isEnded = true
      settle(end)
      changed()
    },
    ended,
    async moreThan(length) {
      while (state.text.length <= length && !state.isEnded) await change.promise
    },
  }
}
