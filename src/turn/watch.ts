import { characterStart } from './character-start.ts'
import type { TurnProgress } from './turn-progress.ts'

/** A change of a reply, for any protocol to render. A place is a length of the text, in UTF-16 units. */
export type TurnNews<End> =
  /**
   * `place`: of the text with this piece. If it is less than the place before and the length of the piece, all text before
   * the piece was taken back.
   */
  | { kind: 'text'; text: string; place: number }
  /** The model thinks, and the reply has no text yet. Once. */
  | { kind: 'thinking' }
  /** Nothing has happened for `quietMs`. */
  | { kind: 'quiet' }
  | { kind: 'end'; end: End }

/** Proxies close a connection on which nothing happens for longer. */
const quietMs = 15_000

/**
 * Watches a reply from a place in its text to its end. Pulled by its reader: all text that arrived since the last pull
 * comes as one piece.
 */
export async function* watch<End>(
  progress: TurnProgress<End>,
  from = 0,
): AsyncGenerator<TurnNews<End>, void> {
  let place = from
  let { takenBack } = progress
  let hasToldThinking = false
  let isQuiet = false
  let wake = () => {}
  const stopListening = progress.onChange(() => wake())
  // One timer for the whole reply: a timer for each piece would cost more than the piece.
  const timer = setInterval(() => {
    isQuiet = true
    wake()
  }, quietMs)
  try {
    for (;;) {
      if (progress.takenBack !== takenBack) {
        takenBack = progress.takenBack
        hasToldThinking = false
        place = 0
      }
      if (progress.text.length > place) {
        const text = progress.text.slice(characterStart(progress.text, place))
        place = progress.text.length
        isQuiet = false
        yield { kind: 'text', text, place }
      } else if (progress.end !== undefined) {
        yield { kind: 'end', end: progress.end }
        return
      } else if (progress.isThinking && !hasToldThinking) {
        hasToldThinking = true
        isQuiet = false
        yield { kind: 'thinking' }
      } else if (isQuiet) {
        isQuiet = false
        yield { kind: 'quiet' }
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    clearInterval(timer)
    stopListening()
  }
}
