import type { Align } from './ast.ts'

/** The cells of a row. `\|` is a pipe inside a cell. */
export function splitRow(row: string): string[] {
  return row
    .trim()
    .replace(/^\||(?<!\\)\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))
}

const maxColumns = 64

/** The alignment of each column in a row such as `|:--|--:|`; undefined if it does not make `head` the head of a table. */
export function parseAlign(row: string, head: string): Align[] | undefined {
  if (!/^[|: \t-]*$/.test(row) || !row.includes('|')) return undefined
  const cells = splitRow(row)
  if (cells.length > maxColumns || splitRow(head).length !== cells.length) return undefined
  if (!cells.every((cell) => /^:?-+:?$/.test(cell))) return undefined
  return cells.map((cell) => {
    if (!cell.endsWith(':')) return cell.startsWith(':') ? 'left' : ''
    return cell.startsWith(':') ? 'center' : 'right'
  })
}
