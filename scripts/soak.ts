import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

/**
 * `npm run soak` takes thousands of turns with the built Worker and a PostgreSQL server of its own; one turn in twenty
 * meets a fault. It prints a table and fails if anything was lost, duplicated, left streaming or paid twice.
 */
const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '5000' },
    /** After this time, no new turn begins. */
    minutes: { type: 'string', default: '10' },
    /** The seed of an earlier run, to repeat its faults. */
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
