import type { Block, Container, Document, Leaf, Paragraph } from './ast.ts'
import { readOn } from './inline.ts'
import {
  addCode,
  addRow,
  beginLeaf,
  type Certainty,
  empty,
  rememberNodes,
  rulePattern,
} from './leaf-blocks.ts'
import { continueIn, indentOf, isBlank, skip, unquote } from './line.ts'
import type { HrefOf } from './link.ts'
import { findTable } from './table.ts'

const markerPattern = /^(?:[-+*]|(\d{1,9})[.)])(?=[ \t]|$)/
/** The beginning of a line that may still become one of these, or the second row of a table. */
const unclearPattern = /^(?:[-*_+][-*_ \t]*|#{1,6}|`+|~+|\d{1,9}[.)]?|[|:-][|: \t-]*)$/
/** How many containers may be inside of each other; what is deeper is text. */
const maxDepth = 18

/**
 * The blocks of Markdown, read line by line as CommonMark describes it. Nothing in it changes an
 * earlier block: there are no underlined headings and no reference links. Nor are there blocks by
 * indentation, and HTML is text.
 */
export function createBlockParser(hrefOf: HrefOf) {
  const root: Document = { type: 'document', ...empty() }
  /** The containers that are open, each in the one before. */
  let path: Container[] = [root]
  /** The block in the last of them that the next line may go on with. */
  let leaf: Leaf | undefined
  let wasBlank = false

  return {
    root,
    addLine,
    remember,
    /** More of the last line, which was `text`. */
    addText(text: string): void {
      if (leaf && 'source' in leaf) leaf.source += text
    },
    /** Reads the inlines of the last paragraph. */
    readOn(isOpen: boolean): void {
      if (leaf?.type === 'paragraph') readOn(leaf, { hrefOf, isOpen })
    },
    /** Takes away what may be the head of a table; returns the way back. */
    hideTableHead(): (() => void) | undefined {
      if (leaf?.type !== 'paragraph' || !/^\|.*$/.test(leaf.source)) return undefined
      const restore = remember()
      tip().children.pop()
      return restore
    },
  }

  /** Takes a line without its end; one that `isPartial` may go on. */
  function addLine(source: string, isPartial: boolean): Certainty {
    let line = source
    let depth = 1
    for (; depth < path.length; depth++) {
      const inner = continueIn(path[depth]!, line)
      if (inner === undefined) break
      line = inner
    }
    // A leaf that the line stands in, and that it goes on with unless it begins another block.
    let current = depth === path.length ? leaf : undefined
    if (current?.type === 'code' && !current.isClosed) return addCode(current, line)

    let isInNew = false
    for (let inner; (inner = enter(line, depth, current)) !== undefined; line = inner) {
      depth = path.length
      current = undefined
      isInNew = true
    }
    const text = line.trim()
    if (text === '') {
      if (isInNew) return 'unclear'
      close(depth)
      wasBlank = tip().type !== 'quote'
      return 'unclear'
    }
    const options = { hrefOf, isOpen: isPartial }
    const begun = indentOf(line) < 4 ? beginLeaf(line, options) : undefined
    if (begun) {
      close(depth)
      leaf = add(begun)
      return unclearPattern.test(text) ? 'unclear' : 'block'
    }
    if (current?.type === 'paragraph' && beginTable(current, text, depth)) return 'unclear'
    if (current?.type === 'table') {
      addRow(current, text, options)
      return 'block'
    }
    // A paragraph goes on over lines that its quotation or list should have marked as theirs.
    if (leaf?.type === 'paragraph' && !isInNew) leaf.source += `\n${line.trimStart()}`
    else {
      close(depth)
      addParagraph(line.trimStart())
    }
    return unclearPattern.test(text) ? 'unclear' : 'text'
  }

  /** Opens the quotation or the list item that the line begins with; returns what is in it. */
  function enter(line: string, depth: number, current: Leaf | undefined): string | undefined {
    const offset = indentOf(line)
    if (depth >= maxDepth || offset > 3) return undefined
    const quoted = unquote(line)
    if (quoted !== undefined) {
      close(depth)
      path.push(add({ type: 'quote', ...empty() }))
      return quoted
    }
    const text = line.trimStart()
    const marker = markerPattern.exec(text)
    if (!marker || rulePattern.test(text.trimEnd())) return undefined
    const [{ length: width }, number] = marker
    const inner = text.slice(width)
    const isEmpty = isBlank(inner)
    // A number at the beginning of a wrapped line makes no list.
    if (current?.type === 'paragraph' && (isEmpty || Number(number ?? 1) !== 1)) return undefined
    close(depth)
    const mark = text[width - 1]!
    const list = tip()
    if (list.type !== 'list' || list.mark !== mark) {
      const start = Number(number ?? 1)
      path.push(add({ type: 'list', mark, start, isLoose: false, ...empty() }))
    }
    const space = indentOf(inner)
    const gap = isEmpty || space > 4 ? 1 : space
    path.push(add({ type: 'item', offset, indent: offset + width + gap, ...empty() }))
    return skip(inner, gap)
  }

  /** A paragraph's last line becomes the head of a table by the line below it. */
  function beginTable(paragraph: Paragraph, row: string, depth: number): boolean {
    const found = findTable(paragraph.source, row)
    if (!found) return false
    tip().children.pop()
    if (found.before !== '') addParagraph(found.before)
    close(depth)
    leaf = add({ type: 'table', align: found.align, ...empty() })
    addRow(leaf, found.head, { hrefOf })
    return true
  }

  function addParagraph(source: string): void {
    leaf = add({ type: 'paragraph', source, start: { at: 0, words: '' }, ...empty() })
  }

  function add<Added extends Block>(block: Added): Added {
    if (tip().type === 'list' && block.type !== 'item') path.pop()
    const parent = tip()
    const list = parent.type === 'item' ? path.at(-2) : parent
    if (wasBlank && list?.type === 'list' && parent.children.length > 0) list.isLoose = true
    wasBlank = false
    parent.settled = parent.children.length
    parent.children.push(block)
    return block
  }

  /** Ends the containers from `depth` on, and the leaf. */
  function close(depth: number): void {
    if (leaf?.type === 'paragraph') readOn(leaf, { hrefOf, isOpen: false })
    leaf = undefined
    path.length = depth
  }

  /** The way back to how it is now, for once. */
  function remember(): () => void {
    const [openPath, openLeaf, blank] = [[...path], leaf, wasBlank]
    const restore = rememberNodes(leaf ? [...path, leaf] : path)
    return () => {
      path = openPath
      leaf = openLeaf
      wasBlank = blank
      restore()
    }
  }

  function tip(): Container {
    return path.at(-1)!
  }
}
