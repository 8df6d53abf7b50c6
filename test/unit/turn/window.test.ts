import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cacheableTokens,
  historyTokens,
  newestTurns,
  recallTokens,
  selectWindow,
  staysUntilTokens,
} from '../../../src/turn/prompt/window.ts'

interface Turn {
  seq: number
  tokens: number
}

/** Turns of one session: seqs ascend by at least 2, and by more where a message was edited or a reply failed. */
const turns = fc
  .array(
    fc.record({
      away: fc.constantFrom(2, 2, 2, 2, 3, 4, 5),
      tokens: fc.integer({ min: 9, max: 500 }),
    }),
    { maxLength: 60 },
  )
  .map((drawn) => {
    let next = 1
    return drawn.map(({ away, tokens }): Turn => {
      const seq = next
      next += away
      return { seq, tokens }
    })
  })
const rooms = fc.record({
  maxTurns: fc.integer({ min: 0, max: 70 }),
  tokens: fc.integer({ min: 0, max: 6_000 }),
  recallTokens: fc.constantFrom(0, 0, 50, 1_000),
  recallsElsewhere: fc.boolean(),
})
const sum = (window: readonly Turn[]) => window.reduce((total, turn) => total + turn.tokens, 0)

/** Turns of 100 tokens without gaps. */
const even = (count: number): Turn[] =>
  Array.from({ length: count }, (_, index) => ({ seq: 2 * index + 1, tokens: 100 }))

describe('the context window', () => {
  test('is the newest turns, in their order, without a gap', () => {
    fc.assert(
      fc.property(turns, rooms, (all, room) => {
        const window = selectWindow(all, room)
        expect(window).toEqual(all.slice(all.length - window.length))
      }),
    )
  })

  test('takes never more than its room and at least half of what would fit', () => {
    fc.assert(
      fc.property(turns, rooms, (all, room) => {
        const window = selectWindow(all, room)
        const { maxTurns, recallTokens: kept } = room
        const fitting = newestTurns(all, { maxTurns, tokens: room.tokens - kept })
        expect(sum(window)).toBeLessThanOrEqual(room.tokens)
        expect(2 * sum(window)).toBeGreaterThanOrEqual(sum(fitting))
        expect(window.length).toBeLessThanOrEqual(maxTurns)
      }),
    )
  })

  test('leaves the room of recall free unless it is the whole session', () => {
    fc.assert(
      fc.property(turns, rooms, (all, room) => {
        const window = selectWindow(all, room)
        if (window.length < all.length || room.recallsElsewhere)
          expect(sum(window)).toBeLessThanOrEqual(Math.max(0, room.tokens - room.recallTokens))
      }),
    )
  })

  test('is exactly the newest turns that are asked for, if they fit', () => {
    fc.assert(
      fc.property(turns, rooms, (all, room) => {
        const newest = all.slice(Math.max(0, all.length - room.maxTurns))
        if (sum(newest) <= room.tokens - room.recallTokens)
          expect(selectWindow(all, room)).toEqual(newest)
      }),
    )
  })

  test('is the whole session if it fits, however much recall may take', () => {
    const twenty = even(20)
    const room = { maxTurns: 20, tokens: 2_000, recallTokens: 1_000 }
    expect(selectWindow(twenty, room)).toEqual(twenty)
    expect(selectWindow(twenty, { ...room, tokens: 1_999 })).toEqual(twenty.slice(12))
    expect(selectWindow(twenty, { ...room, maxTurns: 19 })).toEqual(twenty.slice(12))
    expect(selectWindow(twenty, { ...room, recallsElsewhere: true })).toEqual(twenty.slice(12))
  })

  test('has no fewer turns with a larger budget', () => {
    const settings = fc.record({
      maxTurns: fc.integer({ min: 0, max: 70 }),
      tokenBudget: fc.integer({ min: 0, max: 8_000 }),
      maxCompletionTokens: fc.integer({ min: 0, max: 1_000 }),
      systemTokens: fc.integer({ min: 0, max: 300 }),
      recall: fc.record({ tokens: fc.constantFrom(0, 50, 1_000, 5_000) }),
    })
    fc.assert(
      fc.property(
        turns,
        settings,
        fc.integer({ min: 1, max: 300 }),
        fc.boolean(),
        fc.oneof(fc.nat(3), fc.nat(3_000)),
        (all, before, messageTokens, recallsElsewhere, more) => {
          const countWithBudget = (tokenBudget: number) => {
            const room = historyTokens({ ...before, tokenBudget }, messageTokens)
            const kept = recallTokens(before, room)
            const { maxTurns } = before
            return selectWindow(all, {
              maxTurns,
              tokens: room,
              recallTokens: kept,
              recallsElsewhere,
            }).length
          }
          expect(countWithBudget(before.tokenBudget + more)).toBeGreaterThanOrEqual(
            countWithBudget(before.tokenBudget),
          )
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('begins at the roundest turn between what just fits and half of it', () => {
    const beginsAt = (count: number) => (selectWindow(even(count), limits)[0]?.seq ?? 0) >> 1
    const limits = { maxTurns: 200, tokens: 1_200 }
    // Of the turns 0, 1, 2 …, 12 fit. The window holds at least 6.
    expect([12, 13, 14, 17, 20, 21, 22, 28, 29].map(beginsAt)).toEqual([
      0, 4, 8, 8, 8, 12, 16, 16, 20,
    ])
  })

  test('begins at the older of two turns that are equally round', () => {
    // Of messages that were edited, a seq is left out: 3 and 11 are halves of 7 and 23, and nothing between them is stored.
    const all = [1, 5, 7, 23].map((seq) => ({ seq, tokens: 100 }))
    expect(selectWindow(all, { maxTurns: 200, tokens: 200 }).map(({ seq }) => seq)).toEqual([7, 23])
  })

  test('begins at the same turn until it does not fit or a rounder one takes half of what fits', () => {
    fc.assert(
      fc.property(turns, rooms, (all, room) => {
        const [before, after] = [selectWindow(all.slice(0, -1), room), selectWindow(all, room)]
        const [first, next] = [before[0], after[0]]
        if (!first || !next || first.seq === next.seq) return
        const place = (turn: Turn) => Math.floor(turn.seq / 2)
        const bits = (turn: Turn) =>
          place(turn) === 0 ? 64 : place(turn).toString(2).match(/0*$/)![0].length
        const kept = all.slice(all.indexOf(first))
        const fits = kept.length <= room.maxTurns && sum(kept) <= room.tokens - room.recallTokens
        if (fits) expect(bits(next)).toBeGreaterThan(bits(first))
      }),
    )
  })

  test('stays for as many tokens as it says, unless a rounder turn comes within half', () => {
    fc.assert(
      fc.property(turns, rooms, fc.integer({ min: 9, max: 500 }), (all, room, added) => {
        const window = selectWindow(all, room)
        const isWhole = window.length === all.length
        const stays = staysUntilTokens(window, { ...room, isWhole })
        const next = selectWindow(
          [...all, { seq: (all.at(-1)?.seq ?? -1) + 2, tokens: added }],
          room,
        )
        if (window.length > 0 && added > stays) expect(next[0]).not.toEqual(window[0])
        else if (isWhole) expect(next.slice(0, -1)).toEqual(window)
      }),
    )
  })

  test('stays for no tokens where the number of turns cuts it', () => {
    const room = { maxTurns: 5, tokens: 1_200, recallTokens: 300, isWhole: false }
    expect(staysUntilTokens(even(5), room)).toBe(0)
    expect(staysUntilTokens(even(4), room)).toBe(500)
    expect(staysUntilTokens(even(4), { ...room, isWhole: true })).toBe(800)
    expect(staysUntilTokens(even(4), { ...room, isWhole: true, recallsElsewhere: true })).toBe(500)
  })

  test('the last 5 of 10 turns when 5 are asked for, all 10 when 20 are', () => {
    const ten = even(10)
    expect(selectWindow(ten, { maxTurns: 5, tokens: 1_000 })).toEqual(ten.slice(5))
    expect(selectWindow(ten, { maxTurns: 20, tokens: 1_000 })).toEqual(ten)
  })

  test('is empty if no turn is asked for or none fits', () => {
    expect(selectWindow(even(10), { maxTurns: 0, tokens: 1_000 })).toEqual([])
    expect(selectWindow(even(10), { maxTurns: 10, tokens: 99 })).toEqual([])
    expect(selectWindow(even(10), { maxTurns: 10, tokens: -1 })).toEqual([])
  })
})

describe('the room of a window', () => {
  test('for history is the budget less system prompt, message, overhead and reserve', () => {
    const settings = { maxTurns: 9, tokenBudget: 1_000, maxCompletionTokens: 300, systemTokens: 50 }
    // 4 a message for system prompt and new message, 3 for the reply.
    expect(historyTokens(settings, 100)).toBe(1_000 - 300 - (50 + 4) - (100 + 4) - 3)
    expect(historyTokens(settings, 700)).toBeLessThan(0)
  })

  test('is at most half for recall, and none without history', () => {
    const recall = { tokens: 1_000 }
    expect(recallTokens({ maxTurns: 200, recall }, 5_000)).toBe(1_000)
    expect(recallTokens({ maxTurns: 200, recall }, 1_001)).toBe(500)
    expect(recallTokens({ maxTurns: 200, recall }, -5)).toBe(0)
    expect(recallTokens({ maxTurns: 0, recall }, 5_000)).toBe(0)
  })
})

describe('the newest turns', () => {
  test('leave out only a turn that would not fit', () => {
    fc.assert(
      fc.property(turns, rooms, (all, limit) => {
        const newest = newestTurns(all, limit)
        expect(newest).toEqual(all.slice(all.length - newest.length))
        expect(sum(newest)).toBeLessThanOrEqual(limit.tokens)
        const next = all.at(-1 - newest.length)
        if (next === undefined || newest.length === limit.maxTurns) return
        expect(sum(newest) + next.tokens).toBeGreaterThan(limit.tokens)
      }),
    )
  })
})

test('a provider caches from 1,024 tokens on, in steps of 128', () => {
  expect([0, 1_023, 1_024, 1_151, 1_152, 6_000].map(cacheableTokens)).toEqual([
    0, 0, 1_024, 1_024, 1_152, 5_888,
  ])
})
