import { readFile, writeFile } from 'node:fs/promises'

export type Row = Record<string, string | number>

/** Prints a table, and adds it to the file that `npm run bench -- --json` named. */
export async function report(title: string, rows: readonly Row[]): Promise<void> {
  const head = Object.keys(rows[0] ?? {})
  const line = (cells: readonly unknown[]) => `| ${cells.join(' | ')} |`
  const lines = [head, head.map(() => '---'), ...rows.map((row) => head.map((name) => row[name]))]
  console.log(`\n${title}\n\n${lines.map(line).join('\n')}\n`)
  const file = process.env['BENCH_JSON']
  if (file === undefined) return
  // The files of a run come one after another, each in a process of its own.
  const tables = JSON.parse(await readFile(file, 'utf8')) as Record<string, readonly Row[]>
  await writeFile(file, `${JSON.stringify({ ...tables, [title]: rows }, undefined, 2)}\n`)
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits))
}
