import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { historyTokens, selectWindow } from '../../../src/turn/prompt/window.ts'

const turns = fc.array(fc.record({ seq: fc.nat(), tokens: fc.integer({ min: 1, max: 500 }) }), {
  maxLength: 60,
})
const limits = fc.record({
  maxTurns: fc.integer({ min: 0, max: 40 }),
  tokens: fc.integer({ min: 0, max: 5_000 }),
})
const sum = (window: { tokens: number }[]) => window.reduce((total, turn) => total + turn.tokens, 0)

describe('the context window', () => {
  test('never exceeds the budget nor the number of turns', () => {
    fc.assert(
      fc.property(turns, limits, (all, limit) => {
        const window = selectWindow(all, limit)
        expect(sum(window)).toBeLessThanOrEqual(limit.tokens)
        expect(window.length).toBeLessThanOrEqual(limit.maxTurns)
      }),
    )
  })

  test('is the newest turns, in their order, without a gap', () => {
    fc.assert(
      fc.property(turns, limits, (all, limit) => {
        const window = selectWindow(all, limit)
        expect(window).toEqual(all.slice(all.length - window.length))
      }),
    )
  })

  test('leaves out only a turn that would not fit', () => {
    fc.assert(
      fc.property(turns, limits, (all, limit) => {
        const window = selectWindow(all, limit)
        const next = all.at(-1 - window.length)
        if (next === undefined || window.length === limit.maxTurns) return
        expect(sum(window) + next.tokens).toBeGreaterThan(limit.tokens)
      }),
    )
  })

  test('more budget never means fewer turns', () => {
    fc.assert(
      fc.property(turns, limits, fc.nat(1_000), (all, limit, more) => {
        const wider = selectWindow(all, { ...limit, tokens: limit.tokens + more })
        expect(wider.length).toBeGreaterThanOrEqual(selectWindow(all, limit).length)
      }),
    )
  })

  test('the last 5 of 10 turns when 5 are asked for, all 10 when 20 are', () => {
    const ten = Array.from({ length: 10 }, (_, seq) => ({ seq, tokens: 10 }))
    expect(selectWindow(ten, { maxTurns: 5, tokens: 1_000 })).toEqual(ten.slice(5))
    expect(selectWindow(ten, { maxTurns: 20, tokens: 1_000 })).toEqual(ten)
  })

  test('what is left for history is the budget less system prompt, message, overhead and reserve', () => {
    const settings = { maxTurns: 9, tokenBudget: 1_000, maxCompletionTokens: 300, systemTokens: 50 }
    // 4 a message for system prompt and new message, 3 for the reply.
    expect(historyTokens(settings, 100)).toBe(1_000 - 300 - (50 + 4) - (100 + 4) - 3)
    expect(historyTokens(settings, 700)).toBeLessThan(0)
  })
})
