import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTypingPace, maxLagMs } from '../../../../src/widget/panel/typing-pace.ts'

const stepMs = 33

interface Arrival {
  at: number
  length: number
}

/** The length that is shown at each step, while text grows to these lengths. */
function typed(arrivals: Arrival[], untilMs: number): Arrival[] {
  const pace = createTypingPace(0)
  const rest = [...arrivals]
  const steps: Arrival[] = []
  for (let at = 0; at <= untilMs; at += stepMs) {
    while (rest[0] && rest[0].at <= at) {
      const { at: arrivedAt, length } = rest.shift()!
      pace.arrived(length, arrivedAt)
    }
    steps.push({ at, length: pace.shown(at) })
  }
  return steps
}

/** A text that grows by `chars` every `everyMs`, `count` times. */
const evenly = (chars: number, everyMs: number, count: number): Arrival[] =>
  Array.from({ length: count }, (_, index) => ({
    at: index * everyMs,
    length: (index + 1) * chars,
  }))

test('text that arrives in bursts grows at nearly every step, by about the same length', () => {
  const frames = typed(evenly(120, 500, 10), 5_000)
  // The first burst is shown at once: nobody knows yet when the next one comes.
  expect(frames[0]?.length).toBe(120)
  const steps = frames
    .filter(({ at }) => at >= 500 && at < 4_500)
    .map(({ length }, index, all) => length - (all[index - 1]?.length ?? length))
    .slice(1)
  expect(steps.filter((step) => step === 0).length / steps.length).toBeLessThan(0.05)
  expect(Math.max(...steps)).toBeLessThanOrEqual(12)
})

test('text that arrives evenly is shown at most two pieces late', () => {
  for (const { at, length } of typed(evenly(5, 40, 100), 4_000)) {
    const arrived = (Math.floor(at / 40) + 1) * 5
    expect(arrived - length, `at ${at}`).toBeLessThanOrEqual(10)
  }
})

test('a burst of many pieces is as even as a burst of one', () => {
  const bursts = evenly(100, 600, 6).flatMap(({ at, length }) =>
    [80, 60, 40, 20, 0].map((less, index) => ({ at: at + index, length: length - less })),
  )
  const lengths = new Set(typed(bursts, 3_600).map(({ length }) => length))
  // Five bursts of 100 characters, in steps of 33 ms.
  expect(lengths.size).toBeGreaterThan(75)
})

test('however text arrives, no character is shown before it arrived, later than a second, or taken back', () => {
  const gaps = fc.array(
    fc.record({ pauseMs: fc.nat(3_000), chars: fc.integer({ min: 1, max: 5_000 }) }),
    { minLength: 1, maxLength: 60 },
  )
  fc.assert(
    fc.property(gaps, (all) => {
      let [at, length] = [0, 0]
      const arrivals = all.map(({ pauseMs, chars }) => ({
        at: (at += pauseMs),
        length: (length += chars),
      }))
      let shown = 0
      for (const frame of typed(arrivals, at + 2_000)) {
        const arrived = (time: number) => arrivals.findLast((each) => each.at <= time)?.length ?? 0
        expect(frame.length).toBeGreaterThanOrEqual(shown)
        expect(frame.length).toBeLessThanOrEqual(arrived(frame.at))
        expect(frame.length).toBeGreaterThanOrEqual(arrived(frame.at - maxLagMs - stepMs))
        shown = frame.length
      }
      expect(shown).toBe(length)
    }),
  )
  expect(maxLagMs + stepMs).toBeLessThan(1_000)
})
