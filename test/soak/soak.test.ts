import { expect, test } from 'vitest'
import { runSoak } from './run-soak.ts'
import { soakTable } from './soak-table.ts'

/** `npm run soak` sets these. `npm run test:postgres` runs a short soak. */
const turns = Number(process.env['SOAK_TURNS'] ?? 250)
const limitMs = Number(process.env['SOAK_MINUTES'] ?? 10) * 60_000
const seed = Number(process.env['SOAK_SEED'] ?? Date.now() % 2 ** 31)

test(
  'turns of 16 clients, of which one in twenty goes wrong, are all answered, stored once and paid for once',
  async () => {
    const kills = turns < 1_000 ? 1 : 3
    const report = await runSoak({ turns, clients: 16, limitMs, seed, kills })
    console.log(`seed ${seed}\n${soakTable(report)}`)
    expect(report.audit).toEqual({
      lost: 0,
      duplicated: 0,
      leftStreaming: 0,
      paidTwice: 0,
      different: 0,
    })
    const faults = [...report.faults].filter(([name]) => name !== 'workerd: SIGKILL')
    expect(faults.length).toBeGreaterThan(1)
    expect(report.ledger.flatMap(({ surprises }) => surprises)).toEqual([])
    expect(report.ledger.filter(({ reply }) => reply === undefined)).toEqual([])
  },
  limitMs + 120_000,
)
