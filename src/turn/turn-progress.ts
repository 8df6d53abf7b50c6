/**
 * A reply while it grows, between the turn that writes it and the responses that watch it. The writer never waits for a
 * watcher: a slow one finds all that arrived meanwhile as one piece, and one that leaves changes nothing.
 */
export interface TurnProgress<End> {
  readonly text: string
  /** How often new text was taken back: a place in an earlier text means nothing in a later one. */
  readonly takenBack: number
  /** Whether the model thinks, and has written no new text yet. */
  readonly isThinking: boolean
  /** Undefined until the turn has ended. */
  readonly end: End | undefined
  readonly ended: Promise<End>
  append(text: string): void
  think(): void
  /** The new text was none, so another begins. What the reply began with stays. */
  takeBack(): void
  finish(end: End): void
  /** Calls `listener` after each change, until the function that it returns is called. */
  onChange(listener: () => void): () => void
}

/** @param stored what the reply begins with: that of the reply which the turn continues */
export function createTurnProgress<End>(stored = ''): TurnProgress<End> {
  const { promise: ended, resolve: settle } = Promise.withResolvers<End>()
  const listeners = new Set<() => void>()
  let text = stored
  let takenBack = 0
  let isThinking = false
  let end: End | undefined

  function changed() {
    for (const listener of listeners) listener()
  }

  return {
    get text() {
      return text
    },
    get takenBack() {
      return takenBack
    },
    get isThinking() {
      return isThinking && text === stored
    },
    get end() {
      return end
    },
    ended,
    append(more) {
      if (more === '') return
      text += more
      changed()
    },
    think() {
      if (isThinking) return
      isThinking = true
      changed()
    },
    takeBack() {
      if (text === stored) return
      text = stored
      takenBack += 1
      changed()
    },
    finish(result) {
      end = result
      settle(result)
      changed()
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
