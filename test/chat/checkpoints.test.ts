import { describe, expect, test } from 'vitest'
import { checkpointCount, checkpointDelaysMs } from '../../src/chat/checkpoints.ts'

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
  })

  test('a reply of under 2 s costs none, one of 120 s costs 18', () => {
    expect(checkpointCount(1_999, 15_000)).toBe(0)
    expect(checkpointCount(120_000, 15_000)).toBe(18)
  })
})
