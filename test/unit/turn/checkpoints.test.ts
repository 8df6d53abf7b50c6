import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  checkpointCount,
  checkpointDelaysMs,
  keepCheckpoints,
} from '../../../src/turn/checkpoints.ts'

function first(count: number, delays: Iterator<number>) {
  return Array.from({ length: count }, () => delays.next().value)
}

describe('checkpoints', () => {
  test('come after 2 s, then at growing intervals of at most 7 s', () => {
    const delays = first(6, checkpointDelaysMs(60_000))
    expect(delays).toEqual([2_000, 3_000, 4_500, 6_750, 7_000, 7_000])
  })

  test('never wait longer than half the lease that they renew', () => {
    expect(Math.max(...first(20, checkpointDelaysMs(10_000)))).toBe(5_000)
    expect(Math.max(...first(60, checkpointDelaysMs(60_000)))).toBe(30_000)
  })

  test('after two minutes wait for a tenth of the time so far', () => {
    let elapsedMs = 0
    for (const delayMs of first(36, checkpointDelaysMs(120_000))) {
      if (elapsedMs < 120_000) expect(delayMs).toBeLessThanOrEqual(7_000)
      else expect(delayMs).toBeCloseTo(elapsedMs / 10)
      elapsedMs += delayMs
    }
    expect(elapsedMs).toBeGreaterThan(600_000)
  })

  test('a reply of under 2 s costs none, one of 120 s costs 18', () => {
    expect(checkpointCount(1_999, 15_000)).toBe(0)
    expect(checkpointCount(120_000, 15_000)).toBe(18)
  })

  test('of ten minutes cost 82 with a lease of 15 s, and 35 with one of two minutes', () => {
    expect(checkpointCount(600_000, 15_000)).toBe(82)
    expect(checkpointCount(600_000, 120_000)).toBe(35)
  })

  test('are no more with a longer lease', () => {
    for (const durationMs of [10_000, 120_000, 128_000, 200_000, 600_000])
      for (let leaseMs = 7_000; leaseMs < 120_000; leaseMs += 1_000)
        expect(checkpointCount(durationMs, leaseMs + 1_000)).toBeLessThanOrEqual(
          checkpointCount(durationMs, leaseMs),
        )
  })
})

describe('saving', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('that is not answered for 3 s leaves time for the next within the lease', async () => {
    const leaseMs = 15_000
    const savedAtMs: number[] = []
    let slow = false
    const checkpoints = keepCheckpoints({
      leaseMs,
      stop: new AbortController(),
      async save() {
        // Every other one is given up after its deadline.
        slow = !slow
        if (slow) await new Promise((resolve) => setTimeout(resolve, 3_000))
        else savedAtMs.push(Date.now())
        return 'go_on'
      },
    })
    const beginsAtMs = Date.now()
    await vi.advanceTimersByTimeAsync(120_000)
    checkpoints.end()
    const gaps = savedAtMs.map((at, index) => at - (savedAtMs[index - 1] ?? beginsAtMs))
    expect(gaps.length).toBeGreaterThan(5)
    expect(Math.max(...gaps)).toBeLessThan(leaseMs)
  })

  test('ends with the turn, and one that learns of a stop ends the turn', async () => {
    const stop = new AbortController()
    const save = vi.fn(async () => 'stop' as const)
    const checkpoints = keepCheckpoints({ leaseMs: 15_000, stop, save })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(stop.signal.reason).toMatchObject({ code: 'stopped' })
    checkpoints.end()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(save).toHaveBeenCalledOnce()
  })
})
