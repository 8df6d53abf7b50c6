import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

const usage = `Usage: npm run bench [-- <part>… <option>…]

Measures alternatives side by side, in turn, on a PostgreSQL server of its own, and prints tables. A part is a file of
test/bench, by its name or a piece of it; without one, all parts run.

  --rounds N   runs of each alternative, of which the median counts; default 5
  --seconds N  length of such a run; default 1.5
  --turns N    turns of each alternative in the parts that count turns
  --json FILE  writes the tables to a file too
  --picture    draws .github/images/turn-cost.svg, by the part history-cost
  --help       shows this`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    turns: { type: 'string' },
    json: { type: 'string' },
    picture: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const { rounds, seconds, turns, json, picture, help } = values

if (help) console.log(usage)
else process.exitCode = run()

function run(): number {
  for (const [name, value] of Object.entries({ rounds, seconds, ...(turns && { turns }) }))
    if (!(Number(value) > 0)) throw new Error(`--${name} must be a number, not ${value}`)
  if (json !== undefined) writeFileSync(json, '{}')
  const parts = picture && positionals.length === 0 ? ['history-cost'] : positionals
  const vitest = ['run', '--project', 'bench', '--no-file-parallelism', ...parts]
  const { status } = spawnSync('vitest', vitest, {
    stdio: 'inherit',
    env: {
      ...process.env,
      BENCH_ROUNDS: rounds,
      BENCH_SECONDS: seconds,
      ...(turns !== undefined && { BENCH_TURNS: turns }),
      ...(json !== undefined && { BENCH_JSON: resolve(json) }),
      ...(picture && { BENCH_PICTURE: 'true' }),
    },
  })
  return status ?? 1
}
