import { median } from './report.ts'

/** Seconds of each run, and how many runs of each kind: `npm run bench` sets them. */
const seconds = Number(process.env['BENCH_SECONDS'] ?? 1.5)
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5)

/** Makes a client: what it does over and over. */
type MakeClient = () => () => Promise<unknown>

/**
 * Runs all kinds in turn, so that whatever else the machine does slows each of them down.
 * @param clients how many run at once
 * @returns how often each kind is done in a second: the median of its runs
 */
export async function compare<Kind extends string>(
  clients: number,
  contest: Record<Kind, MakeClient>,
): Promise<Record<Kind, number>> {
  const kinds = Object.keys(contest) as Kind[]
  const rates = new Map(kinds.map((kind) => [kind, [] as number[]]))
  for (const kind of kinds) await ratePerSecond(contest[kind], clients, seconds / 3)
  for (let count = 0; count < rounds; count += 1)
    for (const kind of count % 2 ? kinds.toReversed() : kinds)
      rates.get(kind)?.push(await ratePerSecond(contest[kind], clients, seconds))
  return Object.fromEntries(kinds.map((kind) => [kind, median(rates.get(kind) ?? [])])) as Record<
    Kind,
    number
  >
}

async function ratePerSecond(makeClient: MakeClient, clients: number, forSeconds: number) {
  const beginsAt = performance.now()
  const endsAt = beginsAt + forSeconds * 1_000
  let done = 0
  async function run(act: () => Promise<unknown>) {
    while (performance.now() < endsAt) {
      await act()
      done += 1
    }
  }
  await Promise.all(Array.from({ length: clients }, () => run(makeClient())))
  return (1_000 * done) / (performance.now() - beginsAt)
}
