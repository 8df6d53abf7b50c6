import type { Container } from './ast.ts'

export const isBlank = (line: string): boolean => line.trim() === ''

/** The width of the white space at the beginning of a line, in columns. */
export function indentOf(line: string): number {
  return untab(line).search(/\S|$/)
}

/** The line without its first `columns`, as far as they are white space. */
export function skip(line: string, columns: number): string {
  const text = /^ *\t/.test(line.slice(0, columns)) ? untab(line) : line
  return text.slice(Math.min(columns, text.search(/\S|$/)))
}

/** The text after the `>` of a quotation; undefined if the line does not begin with one. */
export function unquote(line: string): string | undefined {
  return /^ {0,3}>/.test(line) ? skip(line.slice(line.indexOf('>') + 1), 1) : undefined
}

/** Replaces the tabs at the beginning of a line by spaces. */
function untab(line: string): string {
  return line.replace(/^[ \t]+/, (space) => {
    let columns = 0
    for (const char of space) columns += char === '\t' ? 4 - (columns % 4) : 1
    return ' '.repeat(columns)
  })
}

/** The line without the container's marker or indentation; undefined if it does not continue the container. */
export function continueIn(container: Container, line: string): string | undefined {
  if (container.type === 'quote') return unquote(line)
  if (container.type !== 'item') return line
  const inner = skip(line, container.indent)
  if (isBlank(line)) return container.children.length > 0 ? inner : undefined
  const indent = indentOf(line)
  if (indent >= container.indent) return inner
  // Models indent the content of an item by two columns, whatever the width of its marker.
  if (indent < container.offset + 2 || /^\s*\d+[.)]/.test(line)) return undefined
  container.indent = indent
  return skip(line, indent)
}
