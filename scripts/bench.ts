import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

/**
 * `npm run bench`: measures alternatives side by side, in turn, against a PostgreSQL server of its own, and prints
 * tables. With names, only the files of `test/bench` that have one of them in theirs.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Of one run. */
    seconds: { type: 'string', default: '3' },
    /** Runs of each alternative; the median counts. */
    rounds: { type: 'string', default: '5' },
  },
})
for (const [name, value] of Object.entries(values)) {
  if (!(Number(value) > 0)) throw new Error(`--${name} must be a number, not ${value}`)
}
const { status } = spawnSync('vitest', ['run', '--project', 'bench', ...positionals], {
  stdio: 'inherit',
  env: { ...process.env, BENCH_SECONDS: values.seconds, BENCH_ROUNDS: values.rounds },
})
process.exitCode = status ?? 1
