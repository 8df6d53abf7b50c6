import { vi } from 'vitest'
import type { DatabaseCall, DatabaseFault } from './database-proxy.ts'
import { type TurnCall, turnCall } from './turn-call.ts'

/** The last two run without an answer: before the client retries, or after its final answer. */
export type PlannedFault =
  | Exclude<DatabaseFault, 'late' | 'repeats everything'>
  | 'after the answer'
  | 'after the retry'

/** Faults without an answer, whose call has run by the time that the client retries. */
export const ranUnheard: readonly PlannedFault[] = [
  'silent after',
  'reset after',
  'lost connection after',
  'cut',
  'after the answer',
]
export const didNotRun: readonly PlannedFault[] = [
  'silent before',
  'reset before',
  'lost connection',
  'server error',
  'html',
  'after the retry',
]

/** The faults of the first, second, … call of each kind; later calls pass. */
export type FaultPlan = Partial<Record<TurnCall, readonly (PlannedFault | undefined)[]>>

export interface FaultRun {
  /** The calls of the turn and of its retries. */
  calls: Record<TurnCall, DatabaseCall[]>
  meet(call: DatabaseCall): DatabaseFault | undefined | Promise<DatabaseFault>
  /** Resolves once a finish was carried out and answered, or attempted for the last time. */
  finished(): Promise<void>
  /** Resolves once the turn is abandoned, if no begin of the plan is answered. */
  abandoned(): Promise<void>
  /** Lets the held calls run; resolves once they have. */
  release(moment: 'after the answer' | 'after the retry'): Promise<void>
}

const beginAttempts = 2
const finishAttempts = 3

export function runFaults(plan: FaultPlan): FaultRun {
  const calls: FaultRun['calls'] = { begin: [], checkpoint: [], finish: [], abandon: [] }
  const moments = {
    'after the answer': { held: [] as DatabaseCall[], comes: Promise.withResolvers<void>() },
    'after the retry': { held: [] as DatabaseCall[], comes: Promise.withResolvers<void>() },
  }
  return {
    calls,
    meet(call) {
      const kind = turnCall(call)
      if (kind === undefined) return undefined
      const index = calls[kind].push(call) - 1
      const fault = plan[kind]?.[index]
      if (fault !== 'after the answer' && fault !== 'after the retry') return fault
      const { held, comes } = moments[fault]
      held.push(call)
      return comes.promise.then(() => 'silent after' as const)
    },
    async finished() {
      const planned = plan.finish ?? []
      const attempts = Math.min(planned.length + 1, finishAttempts)
      const mustRun = (index: number) => {
        const fault = planned[index]
        return fault === undefined || (ranUnheard.includes(fault) && fault !== 'after the answer')
      }
      await vi.waitUntil(
        () =>
          calls.finish.length === attempts &&
          calls.finish.every(({ bytes }, index) => bytes > 0 || !mustRun(index)),
        { timeout: 20_000 },
      )
    },
    async abandoned() {
      if (plan.begin?.length !== beginAttempts) return
      await vi.waitUntil(() => calls.abandon.some(({ bytes }) => bytes > 0), { timeout: 20_000 })
    },
    async release(moment) {
      const { held, comes } = moments[moment]
      comes.resolve()
      await vi.waitUntil(() => held.every(({ bytes }) => bytes > 0), { timeout: 10_000 })
    },
  }
}
