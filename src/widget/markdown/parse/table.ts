import type { Align } from './ast.ts'

/** The cells of a row. `\|` is a pipe inside a cell. */
export function splitRow(row: string): string[] {
  return row
    .trim()
    .replace(/^\|/, '')
    .replace(/(?<!\\)\|$/, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))
}

/** The alignment of each column in a row such as `|:--|--:|`; undefined for any other row. */
function parseAlign(row: string): Align[] | undefined {
  if (!/^[|: \t-]*$/.test(row) || !row.includes('|')) return undefined
  const cells = splitRow(row)
  if (!cells.every((cell) => /^:?-+:?$/.test(cell))) return undefined
  return cells.map((cell) => {
    if (!cell.endsWith(':')) return cell.startsWith(':') ? 'left' : ''
    return cell.startsWith(':') ? 'center' : 'right'
  })
}

/** Finds the head of a table in the last line of `text`, if `row` below it is an alignment row. */
export function findTable(
  text: string,
  row: string,
): { before: string; head: string; align: Align[] } | undefined {
  const align = parseAlign(row)
  if (!align) return undefined
  const split = text.lastIndexOf('\n')
  const head = text.slice(split + 1)
  if (splitRow(head).length !== align.length) return undefined
  return { before: text.slice(0, Math.max(0, split)), head, align }
}
