/** Seconds of each run, and how many of each kind: `npm run bench` sets them. */
const seconds = Number(process.env['BENCH_SECONDS'] ?? 3)
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5)

export interface Contest {
  /** How many do it at once. */
  clients: number
  /** Makes a client: what it does over and over. */
  base: () => () => Promise<void>
  other: () => () => Promise<void>
}

/**
 * Runs the two in turn, so that whatever else the machine does meets both.
 * @returns how often each was done in a second: the median of its runs
 */
export async function compare(contest: Contest): Promise<{ base: number; other: number }> {
  const { clients } = contest
  const rates = { base: [] as number[], other: [] as number[] }
  await ratePerSecond(contest.base, clients)
  for (let round = 0; round < rounds; round += 1)
    for (const kind of round % 2 ? (['other', 'base'] as const) : (['base', 'other'] as const))
      rates[kind].push(await ratePerSecond(contest[kind], clients))
  return { base: median(rates.base), other: median(rates.other) }
}

async function ratePerSecond(makeClient: () => () => Promise<void>, clients: number) {
  const beginsAt = performance.now()
  const endsAt = beginsAt + seconds * 1_000
  let done = 0
  async function run(act: () => Promise<void>) {
    while (performance.now() < endsAt) {
      await act()
      done += 1
    }
  }
  await Promise.all(Array.from({ length: clients }, () => run(makeClient())))
  return (1_000 * done) / (performance.now() - beginsAt)
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

export function printTable(rows: readonly Record<string, string | number>[]): void {
  const head = Object.keys(rows[0] ?? {})
  const line = (cells: readonly unknown[]) => `| ${cells.join(' | ')} |`
  const lines = [head, head.map(() => '---'), ...rows.map((row) => head.map((name) => row[name]))]
  console.log(`\n${lines.map(line).join('\n')}\n`)
}
