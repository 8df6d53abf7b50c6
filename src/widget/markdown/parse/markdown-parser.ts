import type { Document } from './ast.ts'
import { createBlockParser } from './block-parser.ts'
import { safeHref } from './link.ts'

/** An unsettled part longer than this is read again only after it has grown by a sixteenth. */
const maxReadAgainChars = 2000

const lineEndPattern = /\r\n|\n|\r(?!$)/g

export interface MarkdownParser {
  /**
   * Parses `source`, which must begin with the source of the previous call. With `isOpen` more text will come: open
   * emphasis and code count as closed, and an ending whose meaning is still unclear is left out.
   */
  update: (source: string, isOpen?: boolean) => Document
}

/**
 * Parses Markdown while it grows. Settled parts are not parsed again, and a long part that is not settled only after it
 * has grown, so the total time is linear. The result does not depend on the pieces in which the source came.
 */
export function createMarkdownParser(hrefOf = safeHref): MarkdownParser {
  const blocks = createBlockParser(hrefOf)
  /** The length of the source that needs no second reading. */
  let at = 0
  /** Whether that part ends inside a line whose rest is text. */
  let isMidLine = false
  /** Takes back the part of the last line that may still become another block. */
  let undo: (() => void) | undefined
  /** Shows the hidden head of a table again. */
  let show: (() => void) | undefined
  /** While more text may come, a shorter source is not read. */
  let due = 0

  return {
    update(source, isOpen = false) {
      if (isOpen && source.length < due) return blocks.root
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
      const rest = Math.max(source.length - at, blocks.unsettledChars()) - maxReadAgainChars
      due = rest > 0 ? source.length + rest / 16 : 0
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
