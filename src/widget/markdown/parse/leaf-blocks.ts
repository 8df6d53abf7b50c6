import type { Code, Container, Leaf, Table } from './ast.ts'
import { type InlineOptions, parseInline } from './inline.ts'
import { indentOf, skip } from './line.ts'
import { splitRow } from './table.ts'

const fencePattern = /^(`{3,}(?=[^`]*$)|~{3,})[ \t]*([^\s`]*)/
const headingPattern = /^(#{1,6})(?:[ \t]|$)/
export const rulePattern = /^([-*_])(?:[ \t]*\1){2,}$/

/**
 * The certain kind of the first part of a line. `text`: text of the last block, whatever follows. `block`: a block
 * that may still become another one. `unclear`: not worth showing yet.
 */
export type Certainty = 'text' | 'block' | 'unclear'

/** The members of a new block. */
export const empty = () => ({ children: [], settled: 0, drawn: 0 })

/** An empty code block. */
export function plainText(): Code {
  const code = { source: '', lines: 0, language: '', fence: '', indent: 0, isClosed: false }
  return { type: 'code', ...code, ...empty() }
}

/** The code block, rule or heading that a line begins. */
export function beginLeaf(line: string, options: InlineOptions): Leaf | undefined {
  const text = line.trim()
  const [, fence, language = ''] = fencePattern.exec(text) ?? []
  if (fence) return { ...plainText(), language, fence, indent: indentOf(line) }
  if (rulePattern.test(text)) return { type: 'rule', ...empty() }
  const [mark, { length: level } = ''] = headingPattern.exec(text) ?? []
  if (mark === undefined) return undefined
  const title = text.slice(mark.length).trim()
  const { inlines } = parseInline(title.replace(/(?<![^ \t])#+$/, '').trim(), options)
  return { type: 'heading', level, ...empty(), children: inlines }
}

/** Adds a line to a code block, or closes it. */
export function addCode(code: Code, line: string): Certainty {
  const text = line.trim()
  const isMark = text.startsWith(code.fence) && text === code.fence[0]!.repeat(text.length)
  if (isMark && indentOf(line) < 4) {
    code.isClosed = true
    return 'unclear'
  }
  code.source += (code.lines++ > 0 ? '\n' : '') + skip(line, code.indent)
  return /^[`~]*$/.test(text) ? 'unclear' : 'text'
}

/** Adds a row to a table, without the cells beyond its columns. Returns the number of its cells. */
export function addRow(table: Table, row: string, options: InlineOptions): number {
  const texts = splitRow(row).slice(0, table.align.length)
  const cells = texts.map((text) => parseInline(text, options).inlines)
  table.settled = table.children.length
  table.children.push({ type: 'row', cells, ...empty() })
  return cells.length
}

/** Returns a function that restores the present state of the nodes. */
export function rememberNodes(nodes: (Container | Leaf)[]): () => void {
  const remembered = nodes.map((node) => {
    const children: unknown[] = node.children
    return { node, copy: { ...node }, children, length: children.length, last: children.at(-1) }
  })
  return () => {
    for (const { node, copy, children, length, last } of remembered) {
      Object.assign(node, copy, { drawn: Math.min(node.drawn, copy.settled) })
      children.length = length
      if (length > 0) children[length - 1] = last
    }
  }
}
