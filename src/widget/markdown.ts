import type { Block } from './markdown-ast.ts'
import { parseInline } from './markdown-inline.ts'

/** A block of the outermost level and where in the source it begins. */
export type ParsedBlock = { block: Block; offset: number; line: number }

const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})[ \t]*([^\s`]*)/
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]|$)/
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/
const QUOTE = /^ {0,3}> ?/
const MARKER = /^ {0,3}([-*+]|\d{1,9}[.)])(?:[ \t]+|$)/
/** Deeper nesting is read as text. */
const MAX_DEPTH = 8

/**
 * The blocks of a Markdown text, line by line and without looking ahead, so that what comes later
 * changes the last block only: a list ends only where something else begins, and there are no
 * underlined headings, no reference links, no blocks by indentation.
 */
export function parseMarkdown(source: string): ParsedBlock[] {
  const raw = source.split('\n')
  const offsets = [0]
  for (const line of raw) offsets.push(offsets.at(-1)! + line.length + 1)
  const lines = raw.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
  return parseLines(lines, 0).map(({ block, line }) => ({ block, line, offset: offsets[line]! }))
}

function parseLines(lines: string[], depth: number): { block: Block; line: number }[] {
  const blocks: { block: Block; line: number }[] = []
  let at = 0
  while (at < lines.length) {
    const line = at
    if (isBlank(lines[at]!)) at++
    else blocks.push({ block: parseBlock(), line })
  }
  return blocks

  /** Reads the block that begins at `at` and leaves `at` behind it. */
  function parseBlock(): Block {
    const first = lines[at]!
    const fence = FENCE.exec(first)
    if (fence) return parseCode(fence[1]!, fence[2]!)
    if (RULE.test(first)) {
      at++
      return { type: 'rule' }
    }
    const heading = HEADING.exec(first)
    if (heading) {
      at++
      const text = first
        .slice(heading[0].length)
        .trim()
        .replace(/(?<![^ \t])#+$/, '')
      return { type: 'heading', level: heading[1]!.length, children: parseInline(text.trim()) }
    }
    if (depth < MAX_DEPTH && QUOTE.test(first)) {
      const inner: string[] = []
      for (; QUOTE.test(lines[at] ?? ''); at++) inner.push(lines[at]!.replace(QUOTE, ''))
      return { type: 'quote', children: parseLines(inner, depth + 1).map(({ block }) => block) }
    }
    return depth < MAX_DEPTH && MARKER.test(first) ? parseList() : parseParagraph()
  }

  function parseCode(mark: string, language: string): Block {
    const indent = indentOf(lines[at++]!)
    const text: string[] = []
    for (; at < lines.length; at++) {
      const line = lines[at]!
      const closing = line.trim()
      if (closing.startsWith(mark) && closing === mark[0]!.repeat(closing.length)) {
        at++
        break
      }
      text.push(dedent(line, indent))
    }
    return { type: 'code', language, text: text.join('\n') }
  }

  function parseList(): Block {
    const { ordered, start } = markerOf(lines[at]!)!
    // Models indent what is inside an item by two columns, whatever the marker's width.
    const innerIndent = indentOf(lines[at]!) + 2
    const items: Block[][] = []
    while (at < lines.length) {
      const marker = RULE.test(lines[at]!) ? undefined : markerOf(lines[at]!)
      if (marker?.ordered !== ordered) break
      const item = [lines[at++]!.slice(marker.width)]
      let innerColumns: number | undefined
      for (; at < lines.length; at++) {
        const line = lines[at]!
        const isInner = isBlank(line) || indentOf(line) >= innerIndent
        const continuesLine = !isBlank(lines[at - 1]!) && !beginsBlock(line)
        if (!isInner && !continuesLine) break
        if (isInner && !isBlank(line)) innerColumns ??= Math.min(marker.width, indentOf(line))
        item.push(dedent(line, innerColumns ?? 0))
      }
      items.push(parseLines(item, depth + 1).map(({ block }) => block))
    }
    return { type: 'list', ordered, start, items }
  }

  function parseParagraph(): Block {
    const text = [lines[at++]!.trim()]
    for (; at < lines.length; at++) {
      const line = lines[at]!
      if (isBlank(line) || interruptsParagraph(line)) break
      text.push(line.trim())
    }
    return { type: 'paragraph', children: parseInline(text.join('\n')) }
  }
}

function beginsBlock(line: string): boolean {
  return (
    FENCE.test(line) ||
    HEADING.test(line) ||
    RULE.test(line) ||
    QUOTE.test(line) ||
    markerOf(line) !== undefined
  )
}

/** As in CommonMark, a number in a wrapped line makes no list, unless it is a one with text. */
function interruptsParagraph(line: string): boolean {
  const marker = RULE.test(line) ? undefined : markerOf(line)
  if (!marker) return beginsBlock(line)
  return line.length > marker.width && (!marker.ordered || marker.start === 1)
}

function markerOf(line: string) {
  const marker = MARKER.exec(line)
  if (!marker) return undefined
  const ordered = marker[1]!.length > 1
  return { ordered, start: ordered ? Number.parseInt(marker[1]!, 10) : 1, width: marker[0].length }
}

const isBlank = (line: string) => line.trim() === ''

/** Columns of white space at the beginning; a tab counts as four. */
function indentOf(line: string): number {
  const space = /^[ \t]*/.exec(line)![0]
  return space.replaceAll('\t', '    ').length
}

function dedent(line: string, columns: number): string {
  let at = 0
  for (let column = 0; column < columns && (line[at] === ' ' || line[at] === '\t'); at++) {
    column += line[at] === '\t' ? 4 : 1
  }
  return line.slice(at)
}
