import type { SoakReport } from './run-soak.ts'

/** The report as a Markdown table. */
export function soakTable(report: SoakReport): string {
  const { ledger, faults, audit, connections, memory } = report
  const statuses = Map.groupBy(ledger, ({ reply }) => reply?.status ?? 'given up')
  const surprises = ledger.flatMap((entry) => entry.surprises)
  const retries = ledger.reduce((sum, entry) => sum + entry.retries, 0)
  const injected = [...faults.values()].reduce((sum, count) => sum + count, 0)
  const mebibytes = (value: number | undefined) =>
    value === undefined ? 'unknown' : `${value} MiB`
  const rows: [string, string | number][] = [
    ['turns', ledger.length],
    ...[...statuses].map(([status, entries]): [string, number] => [
      `answered: ${status}`,
      entries.length,
    ]),
    ['retries', retries],
    ['calls to the model', report.modelCalls],
    ['faults injected', injected],
    ...[...faults].toSorted(([a], [b]) => a.localeCompare(b)),
    ['lost', audit.lost],
    ['duplicated', audit.duplicated],
    ['left streaming after the lease', audit.leftStreaming],
    ['paid twice though stored', audit.paidTwice],
    ['answered otherwise than stored', audit.different],
    [
      'answers that nothing explains',
      surprises.length === 0 ? 0 : [...new Set(surprises)].join(', '),
    ],
    ['database connections: max, end', `${connections.max}, ${connections.end}`],
    ['memory of workerd: at 60 %, end', `${mebibytes(memory.warm)}, ${mebibytes(memory.end)}`],
    ['turns a second', (ledger.length / report.seconds).toFixed(1)],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const lines = rows.map(([name, value]) => `| ${name.padEnd(width)} | ${value} |`)
  return ['| soak | |', '|---|---|', ...lines].join('\n')
}
