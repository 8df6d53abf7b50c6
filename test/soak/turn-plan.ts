import * as fc from 'fast-check'
import type { DatabaseFault } from '../rigs/database-proxy.ts'

/** The faults of a turn. */
export type PlannedFault =
  | { of: 'model'; directive: string }
  /** The call to the database that comes after so many others, of any turn, meets it. */
  | { of: 'database'; fault: DatabaseFault; callsBefore: number }
  | { of: 'client'; leaves: 'close' | 'reset'; isStream: boolean; afterMs: number }

export interface TurnPlan {
  isStream: boolean
  isNewSession: boolean
  words: number
  fault: PlannedFault | undefined
}

const modelFault = fc.record({
  of: fc.constant('model' as const),
  directive: fc.constantFrom(
    'status=500',
    'status=429',
    'html',
    'refused',
    'empty',
    'end after=3',
    'cut after=3',
    'no-finish',
    'error-chunk after=3',
    'nonsense after=3',
    'stall after=3',
    'silent',
    'slow-first ms=500',
    'pace ms=50',
  ),
})
const databaseFault = fc.record({
  of: fc.constant('database' as const),
  fault: fc.constantFrom<DatabaseFault>(
    'reset before',
    'reset after',
    'silent before',
    'silent after',
    'cut',
    'lost connection',
    'lost connection after',
    'server error',
    'html',
  ),
  callsBefore: fc.nat(12),
})
const leavingClient = fc.record({
  of: fc.constant('client' as const),
  leaves: fc.constantFrom('close' as const, 'reset' as const),
  isStream: fc.boolean(),
  afterMs: fc.nat(120),
})

const turnPlan: fc.Arbitrary<TurnPlan> = fc.record({
  isStream: fc.boolean(),
  isNewSession: fc.nat(29).map((n) => n === 0),
  words: fc.integer({ min: 1, max: 40 }),
  fault: fc.oneof(
    { weight: 95, arbitrary: fc.constant(undefined) },
    { weight: 5, arbitrary: fc.oneof(modelFault, databaseFault, leavingClient) },
  ),
})

/** The plan of each turn: the same for the same seed. */
export function planTurns(turns: number, seed: number): TurnPlan[] {
  return fc.sample(fc.noBias(turnPlan), { numRuns: turns, seed })
}
