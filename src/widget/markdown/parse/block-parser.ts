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
import { parseAlign } from './table.ts'

const markerPattern = /^(?:[-+*]|(\d{1,9})[.)])(?=[ \t]|$)/
/** The beginning of a line that may still become a list item, heading, rule, fence or the second row of a table. */
const unclearPattern = /^(?:[-*_+][-*_ \t]*|#{1,6}|`+|~+|\d{1,9}[.)]?|[|:-][|: \t-]*)$/
/** The limit of nested containers. Deeper markers are text. */
const maxDepth = 18
/** The limit of cells in all tables of a text. Rows beyond it are text: the browser lays out large tables slowly. */
const maxCells = 5000
/** A possible head of a table is hidden up to this length. */
const maxHeadChars = 2000

/**
 * Parses the blocks of Markdown line by line, as CommonMark describes it, with some parts left out. A later line never
 * changes an earlier block, so there are no underlined headings and no reference links. There is no indented code, and
 * HTML is text.
 */
export function createBlockParser(hrefOf: HrefOf) {
  const root: Document = { type: 'document', cells: 0, ...empty() }
  /** The open containers, from the outermost to the innermost. */
  let path: Container[] = [root]
  /** The block in the innermost container that the next line may continue. */
  let leaf: Leaf | undefined
  let wasBlank = false

  return {
    root,
    addLine,
    remember,
    /** Appends to the last line, whose certainty was `text`. */
    addText(text: string): void {
      if (leaf && 'source' in leaf) leaf.source += text
      if (leaf && 'line' in leaf) leaf.line += text
    },
    /** Parses the inlines of the last paragraph. */
    readOn(isOpen: boolean): void {
      if (leaf?.type === 'paragraph') readOn(leaf, { hrefOf, isOpen })
    },
    /** Hides a paragraph that may be the head of a table. Returns a function that shows it again. */
    /** How much of the last paragraph the next call of `readOn` reads. */
    unsettledChars: () => (leaf?.type === 'paragraph' ? leaf.source.length - leaf.start.at : 0),
    hideTableHead(): (() => void) | undefined {
      if (leaf?.type !== 'paragraph' || leaf.source !== leaf.line) return undefined
      if (leaf.line[0] !== '|' || leaf.line.length > maxHeadChars) return undefined
      const restore = remember()
      tip().children.pop()
      return restore
    },
  }

  /** Reads a line, without its line end. More of a line that `isPartial` may follow. */
  function addLine(source: string, isPartial: boolean): Certainty {
    let line = source
    let depth = 1
    for (; depth < path.length; depth++) {
      const inner = continueIn(path[depth]!, line)
      if (inner === undefined) break
      line = inner
    }
    // The line continues this leaf, unless it begins another block.
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
    if (current?.type === 'table' && root.cells < maxCells) {
      root.cells += addRow(current, text, options)
      return 'block'
    }
    // A paragraph continues even if the line lacks the marker of its quotation or the indentation of its list.
    const words = line.trimStart()
    if (leaf?.type === 'paragraph' && !isInNew) {
      leaf.source += `\n${words}`
      leaf.line = words
    } else {
      close(depth)
      addParagraph(words, words)
    }
    return unclearPattern.test(text) ? 'unclear' : 'text'
  }

  /** Opens the quotation or the list item that the line begins. Returns the rest of the line. */
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
    // A number at the beginning of a wrapped line does not begin a list.
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

  /** Turns a paragraph's last line into the head of a table, if the line below it asks for one. */
  function beginTable({ source, line }: Paragraph, row: string, depth: number): boolean {
    const align = root.cells < maxCells ? parseAlign(row, line) : undefined
    if (!align) return false
    tip().children.pop()
    const length = source.length - line.length
    if (length > 0) addParagraph(source.slice(0, length - 1))
    close(depth)
    leaf = add({ type: 'table', align, ...empty() })
    root.cells += addRow(leaf, line, { hrefOf })
    return true
  }

  function addParagraph(source: string, line = ''): void {
    leaf = add({ type: 'paragraph', source, line, start: { at: 0, text: '' }, ...empty() })
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

  /** Closes the containers from `depth` on, and the leaf. */
  function close(depth: number): void {
    if (leaf?.type === 'paragraph') readOn(leaf, { hrefOf, isOpen: false })
    leaf = undefined
    path.length = depth
  }

  /** Returns a function that restores the present state. It can be called once. */
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
