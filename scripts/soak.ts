import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

/**
 * `npm run soak`: thousands of turns against the built Worker and a PostgreSQL server of its own, while one in twenty
 * goes wrong. Prints a table; fails unless nothing was lost, duplicated, left streaming or paid twice.
 */
const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '5000' },
    /** When no new turn is begun any more. */
    minutes: { type: 'string', default: '10' },
    /** Of a run whose faults shall come again. */
    seed: { type: 'string' },
  },
})
const { turns, minutes, seed } = values
for (const [name, value] of Object.entries(values)) {
  if (!(Number(value) > 0)) throw new Error(`--${name} must be a number, not ${value}`)
}
const { status } = spawnSync('vitest', ['run', '--project', 'soak'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    SOAK_TURNS: turns,
    SOAK_MINUTES: minutes,
    ...(seed !== undefined && { SOAK_SEED: seed }),
  },
})
process.exitCode = status ?? 1
