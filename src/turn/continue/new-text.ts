import { mostTextBytes } from '../../llm/reply.ts'
import { createByteLimit, utf8Bytes } from '../../llm/utf8.ts'
import { createTextCleaner } from '../clean-text.ts'
import { createSeamFilter } from './seam.ts'

/** Makes a model's chunks the new text of a reply. */
export interface NewText {
  /** Returns the new text of a chunk, as far as it is certain. */
  push(chunk: string): string
  /** @param finishReason absent if the model was cut off */
  flush(finishReason: string | undefined): string
  /** UTF-8 bytes of what the model said again. */
  readonly repeatedBytes: number
  /** Whether text was left out because the reply would have become too long. */
  readonly isFull: boolean
}

/** @param continued the stored text, and as much of it as the model was sent; undefined for a new reply */
export function startNewText(continued: { stored: string; sent: string } | undefined): NewText {
  const cleaner = createTextCleaner()
  if (continued === undefined) return { ...cleaner, repeatedBytes: 0, isFull: false }
  const seam = createSeamFilter(continued.sent)
  const limit = createByteLimit(mostTextBytes - utf8Bytes(continued.stored))
  let repeatedBytes = 0
  let isFull = false

  function limited(text: string): string {
    const fitting = limit.take(text)
    isFull ||= fitting !== text
    repeatedBytes -= utf8Bytes(text)
    return fitting
  }

  function pass(clean: string): string {
    repeatedBytes += utf8Bytes(clean)
    return seam.push(clean)
  }

  return {
    push: (chunk) => limited(pass(cleaner.push(chunk))),
    flush: (finishReason) => limited(pass(cleaner.flush()) + seam.flush(finishReason)),
    get repeatedBytes() {
      return repeatedBytes
    },
    get isFull() {
      return isFull
    },
  }
}
