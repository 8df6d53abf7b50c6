import type { Document } from './ast.ts'
import { createBlockParser } from './block-parser.ts'
import { safeHref } from './link.ts'

const lineEndPattern = /\r\n|\n|\r(?!$)/g

export interface MarkdownParser {
  /**
   * The blocks of `source`, which begins with the source of the call before. With `isOpen` more of
   * it will come: emphasis and code that are not closed count as closed, and what cannot be told
   * yet is left out.
   */
  update: (source: string, isOpen?: boolean) => Document
}

/**
 * Reads Markdown while it grows. What is settled is not read again, so that the cost grows with the
 * length alone, and the outcome does not depend on the pieces in which the source came.
 *
 * @param hrefOf the address that a link may go to, if it may go anywhere
 */
export function createMarkdownParser(hrefOf = safeHref): MarkdownParser {
  const blocks = createBlockParser(hrefOf)
  /** How much of the source was read for good. */
  let at = 0
  /** Whether that ends within a line whose rest is text. */
  let isMidLine = false
  /** Takes back what was read of the last line and may prove to be something else. */
  let undo: (() => void) | undefined
  let show: (() => void) | undefined

  return {
    update(source, isOpen = false) {
      show?.()
      undo?.()
      lineEndPattern.lastIndex = at
      for (let end; (end = lineEndPattern.exec(source)); at = lineEndPattern.lastIndex) {
        const line = source.slice(at, end.index)
        if (isMidLine) blocks.addText(line)
        else blocks.addLine(line, false)
        isMidLine = false
      }
      undo = readPartialLine(source.slice(at).replace(/\r$/, ''), isOpen)
      blocks.readOn(isOpen)
      show = isOpen ? blocks.hideTableHead() : undefined
      return blocks.root
    },
  }

  function readPartialLine(line: string, isOpen: boolean): (() => void) | undefined {
    if (line === '') return undefined
    if (isMidLine) blocks.addText(line)
    else {
      const restore = blocks.remember()
      const certainty = blocks.addLine(line, isOpen)
      isMidLine = certainty === 'text'
      if (!isMidLine && (certainty === 'block' || !isOpen)) return restore
      if (!isMidLine) restore()
    }
    if (isMidLine) at += line.length
    return undefined
  }
}
