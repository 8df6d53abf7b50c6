import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createDatabase, type Database } from '../../../src/db/database.ts'
import { Problem } from '../../../src/errors.ts'
import { startTurn, type TurnDeps, type TurnSettings } from '../../../src/turn/start-turn.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const settings: TurnSettings = {
  model: 'test-model',
  systemPrompt: '',
  countedBy: 'test-model#1',
  leaseMs: 15_000,
  recall: { tokens: 0, scope: 'session' },
  dailyCaps: { perUser: undefined, perAddress: undefined, perSite: undefined, addressKey: '' },
  maxTurns: 20,
  tokenBudget: 8_000,
  maxCompletionTokens: 100,
  systemTokens: 0,
  sendsCacheKey: false,
}

/** A database that refuses every call at once for so long; then, a begin finds that its lease has ended. */
function refusing(forMs: number) {
  const until = Date.now() + forMs
  const calls: string[] = []
  const single = async ({ sql }: { sql: string }) => {
    const name = /(\w+_turn)/.exec(sql)?.[1] ?? ''
    calls.push(name)
    if (Date.now() < until) throw new Problem('database_unavailable')
    return [{ result: name === 'begin_turn' ? { verdict: 'ended' } : 'abandoned' }]
  }
  const connectionString = 'postgresql://nobody:none@db.example.com/none'
  const db = { ...createDatabase({ connectionString, timeoutMs: 8_000 }), single } as Database
  return { calls, db }
}

const caller = { userId: 'user:x', address: undefined }
const optionsOf = (work: Promise<void>[]) => ({
  replyId: crypto.randomUUID(),
  waitUntil: (each: Promise<void>) => void work.push(each),
})

test('a begin whose lease has ended is abandoned, since a debit may be left', async () => {
  const { db, calls } = refusing(0)
  const work: Promise<void>[] = []
  const deps = { db, settings } as TurnDeps
  const turn = startTurn(deps, caller, { message: 'Hello' }, optionsOf(work))
  await expect(turn).rejects.toMatchObject({ code: 'database_unavailable' })
  await Promise.all(work)
  expect(calls).toEqual(['begin_turn', 'abandon_turn'])
})

test('a begin is abandoned also if the database refuses for 20 s before it is back', async () => {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  const { db, calls } = refusing(20_000)
  const work: Promise<void>[] = []
  const deps = { db, settings } as TurnDeps
  const turn = startTurn(deps, caller, { message: 'Hello' }, optionsOf(work))
  const refused = expect(turn).rejects.toMatchObject({ code: 'database_unavailable' })
  await vi.advanceTimersByTimeAsync(1)
  await refused
  expect(calls.slice(0, 2)).toEqual(['begin_turn', 'begin_turn'])
  await vi.advanceTimersByTimeAsync(25_000)
  await Promise.all(work)
  expect(console.log).not.toHaveBeenCalled()
  expect(calls.filter((name) => name === 'abandon_turn')).toHaveLength(8)
})
