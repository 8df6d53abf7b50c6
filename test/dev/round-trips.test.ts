import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRoundTrips } from '../../scripts/dev/round-trips.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** The milliseconds that the timers run until `promise` is settled. */
async function takenMs(promise: Promise<void>): Promise<number> {
  const state = { isPending: true }
  const settled = promise.finally(() => (state.isPending = false))
  let ms = 0
  await vi.advanceTimersByTimeAsync(0)
  while (state.isPending) {
    await vi.advanceTimersByTimeAsync(1)
    ms += 1
  }
  await settled
  return ms
}

test('round trips take their time, and parts of a millisecond add up', async () => {
  const trips = createRoundTrips(0.5)
  const taken = []
  for (const count of [1, 2, 2, 2, 2, 1]) taken.push(await takenMs(trips.take(count)))
  expect(taken).toEqual([0, 1, 1, 1, 1, 1])
  expect(trips.count).toBe(10)
})

test('without a delay, round trips are counted only', async () => {
  const trips = createRoundTrips()
  expect(await takenMs(trips.take(10))).toBe(0)
  expect(trips.count).toBe(10)
})
