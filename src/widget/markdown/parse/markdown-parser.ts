import type { Document } from './ast.ts'
import { createBlockParser } from './block-parser.ts'
import { safeHref } from './link.ts'

const lineEndPattern = /\r\n|\n|\r(?!$)/g

export interface MarkdownParser {
  /**
   * Parses `source`, which must begin with the source of the previous call. With `isOpen` more text will come: open
   * emphasis and code count as closed, and an ending whose meaning is still unclear is left out.
   */
  update: (source: string, isOpen?: boolean) => Document
}

/**
 * Parses Markdown while it grows. Settled parts are not parsed again, so the total time is linear. The result does not
 * depend on the pieces in which the source came.
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
