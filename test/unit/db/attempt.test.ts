import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { attempt } from '../../../src/db/attempt.ts'
import { Problem } from '../../../src/errors.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const options = { attempts: 3, timeoutMs: 9_000, pauseMs: 500 }
const unavailable = () => Promise.reject(new Problem('database_unavailable'))

/** A call that answers after so long, or never. */
const answersAfter = (ms: number) => () =>
  new Promise<string>((resolve) => {
    setTimeout(() => resolve('answer'), ms)
  })

/** A call that gives up at its deadline. */
const silent = (timeoutMs: number) =>
  new Promise<string>((_, reject) => {
    setTimeout(() => reject(new Problem('database_unavailable')), timeoutMs)
  })

/** Runs the calls in turn, and reports when each of them began. */
function run(...calls: ((timeoutMs: number) => Promise<string>)[]) {
  const begun: number[] = []
  const beginsAt = Date.now()
  const call = vi.fn((timeoutMs: number) => {
    begun.push(Date.now() - beginsAt)
    return (calls[begun.length - 1] ?? silent)(timeoutMs)
  })
  const result = attempt(call, options).catch((error: Problem) => error.code)
  return { begun, call, result }
}

test('a slow answer to the first attempt counts, although a second one runs', async () => {
  const { begun, call, result } = run(answersAfter(4_500))
  await vi.advanceTimersByTimeAsync(4_500)
  expect(await result).toBe('answer')
  expect(begun).toEqual([0, 3_000])
  expect(call.mock.calls).toEqual([[9_000], [6_000]])
})

test('a failed attempt is repeated after the pause', async () => {
  const { begun, result } = run(unavailable, unavailable, answersAfter(10))
  await vi.advanceTimersByTimeAsync(1_010)
  expect(await result).toBe('answer')
  expect(begun).toEqual([0, 500, 1_000])
})

test('an attempt that fails does not end the ones that run', async () => {
  const { begun, result } = run(answersAfter(8_000), unavailable, unavailable)
  await vi.advanceTimersByTimeAsync(8_000)
  expect(await result).toBe('answer')
  expect(begun).toEqual([0, 3_000, 3_500])
})

test('without any answer it fails at the deadline, after the last attempt', async () => {
  const { begun, result } = run()
  await vi.advanceTimersByTimeAsync(9_000)
  expect(await result).toBe('database_unavailable')
  expect(begun).toEqual([0, 3_000, 6_000])
  expect(vi.getTimerCount()).toBe(0)
})

test('a definite error is not repeated', async () => {
  const { begun, result } = run(() => Promise.reject(new Problem('schema_outdated')))
  await vi.advanceTimersByTimeAsync(9_000)
  expect(await result).toBe('schema_outdated')
  expect(begun).toEqual([0])
})
