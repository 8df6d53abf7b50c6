import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { overhead, selectWindow, turnOverheadTokens } from '../../src/turn/prompt/window.ts'
import type { SentPrompt, TurnEnd } from '../../src/turn/turn-end.ts'
import { finish, sentFrom, takeTurn, testDatabase, turnStart } from '../rigs/conversation.ts'
import { type SeededTurn, seedSession } from '../rigs/seed-session.ts'
import { storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()

function withRecalled(recalledTokens: number): SentPrompt {
  return { ...sentFrom(1), recalled: recalledTokens > 0 ? [2] : [], recalledTokens }
}

describe('the window of a turn', () => {
  test('is what the pure function selects, whatever the session holds', async () => {
    const turn = fc.record<SeededTurn>({
      status: fc.constantFrom('complete', 'complete', 'interrupted', 'failed'),
      tokens: fc.integer({ min: 1, max: 300 }),
      superseded: fc.constantFrom(0, 0, 0, 1, 3),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(turn, { maxLength: 25 }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 0, max: 3_000 }),
        async (turns, maxTurns, tokens) => {
          const start = turnStart()
          await seedSession(db, start, turns)
          let seq = 0
          const countable = turns.flatMap(({ status, tokens: own, superseded = 0 }) => {
            const messageSeq = seq + 1
            seq += superseded + 2
            const counted = {
              seq: messageSeq,
              reply: `reply ${seq}`,
              tokens: own + turnOverheadTokens,
            }
            return status === 'failed' ? [] : [counted]
          })
          const window = { ...start.window, maxTurns, tokens }
          const begun = await beginTurn(db, { ...start, window })
          expect(begun.verdict === 'run' && begun.window).toMatchObject(
            selectWindow(countable, { maxTurns, tokens }),
          )
        },
      ),
      { numRuns: 40 },
    )
  })

  test('is the last 5 of 10 turns where 5 are asked for, all 10 where 20 are', async () => {
    for (const [maxTurns, seqs] of [
      [5, [11, 13, 15, 17, 19]],
      [20, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]],
    ] as const) {
      const start = turnStart()
      await seedSession(
        db,
        start,
        Array.from({ length: 10 }, () => ({ status: 'complete', tokens: 20 })),
      )
      const begun = await beginTurn(db, { ...start, window: { ...start.window, maxTurns } })
      expect(begun.verdict === 'run' && begun.window.map(({ seq }) => seq)).toEqual(seqs)
    }
  })

  test('is whole turns: the messages of each turn, with context text, oldest first', async () => {
    const { start } = await takeTurn(
      db,
      { content: 'One', contextText: 'quoted' },
      { content: 'Re one' },
    )
    const next = { ...turnStart(), userId: start.userId, sessionId: start.sessionId }
    await takeTurn(db, { ...next, content: 'Two' }, { content: 'Re two', status: 'interrupted' })
    const begun = await beginTurn(db, {
      ...next,
      messageId: crypto.randomUUID(),
      replyId: crypto.randomUUID(),
    })
    expect(begun).toMatchObject({
      window: [
        { seq: 1, message: 'One', contextText: 'quoted', reply: 'Re one' },
        { seq: 3, message: 'Two', contextText: null, reply: 'Re two' },
      ],
    })
  })
})

describe("the provider's usage", () => {
  /** A conversation with a provider whose tokenizer, unlike ours, is exact. */
  const conversation = fc.record({
    systemTokens: fc.integer({ min: 0, max: 60 }),
    budgets: fc.array(fc.integer({ min: 150, max: 900 }), { minLength: 1, maxLength: 3 }),
    turns: fc.array(
      fc.record({
        message: fc.integer({ min: 1, max: 90 }),
        reply: fc.integer({ min: 1, max: 90 }),
        /** How far our bound is over the exact count, in tenths. */
        over: fc.integer({ min: 0, max: 12 }),
        usage: fc.constantFrom(true, true, true, true, false),
        status: fc.constantFrom('complete', 'complete', 'complete', 'interrupted', 'failed'),
        countedBy: fc.constantFrom('a', 'a', 'a', 'a', 'a', 'b'),
      }),
      { minLength: 1, maxLength: 12 },
    ),
  })

  test('replaces bounds by exact counts and never lets a window pass its budget', async () => {
    await fc.assert(
      fc.asyncProperty(conversation, async ({ systemTokens, budgets, turns }) => {
        const { userId, sessionId } = turnStart()
        /** True tokens of each message's turn, by the message's seq. */
        const exact = new Map<number, number>()
        for (const [index, turn] of turns.entries()) {
          const bound = (tokens: number) => Math.ceil(tokens * (1 + turn.over / 10))
          const systemBound = bound(systemTokens)
          const tokenBudget = budgets[index % budgets.length] ?? 0
          const fixed = turnOverheadTokens + overhead.replyTokens
          const start = turnStart({ userId, sessionId, messageTokens: bound(turn.message) })
          const tokens = tokenBudget - systemBound - bound(turn.message) - fixed
          if (tokens < 0) continue
          start.window = { ...start.window, tokens, countedBy: turn.countedBy }
          const begun = await beginTurn(db, start)
          if (begun.verdict !== 'run') throw new Error(begun.verdict)
          const windowTokens = begun.window.reduce(
            (sum, { seq }) => sum + (exact.get(seq) ?? Number.NaN) + turnOverheadTokens,
            0,
          )
          const promptTokens = systemTokens + windowTokens + turn.message + fixed
          expect(promptTokens).toBeLessThanOrEqual(tokenBudget)
          const told = turn.usage && turn.status === 'complete'
          await finish(db, start, {
            ...statusOf(turn.status),
            usage: told
              ? { prompt_tokens: promptTokens, completion_tokens: turn.reply }
              : undefined,
            tokens: { message: bound(turn.message), reply: bound(turn.reply) },
            reportedReplyTokens: told ? turn.reply : undefined,
            sent: sentFrom(begun.window[0]?.seq ?? begun.message.seq),
            countedBy: turn.countedBy,
          })
          exact.set(begun.message.seq, turn.message + turn.reply)
        }
      }),
      { numRuns: 60 },
    )
  }, 180_000)

  function statusOf(status: string): Partial<TurnEnd> {
    if (status === 'complete') return {}
    return status === 'failed'
      ? { status: 'failed', content: '', finishReason: null }
      : { status: 'interrupted', finishReason: null }
  }

  test('makes every count exact from the second turn on', async () => {
    const { userId, sessionId } = turnStart()
    let promptTokens = 20 + 3 + 4 + 4
    for (let turn = 1; turn <= 4; turn += 1) {
      const start = turnStart({ userId, sessionId, messageTokens: 30 })
      promptTokens += 15
      await beginTurn(db, start)
      const usage = { prompt_tokens: promptTokens, completion_tokens: 7 }
      await finish(db, start, { usage, reportedReplyTokens: 7, tokens: { message: 30, reply: 12 } })
      promptTokens += 7 + turnOverheadTokens
    }
    const counts = await db.kysely
      .selectFrom('messages')
      .select(['role', 'token_count', 'turn_tokens', 'turn_tokens_exact'])
      .where('session_id', '=', sessionId)
      .orderBy('seq')
      .execute()
    // Of the first message only the sum with the system prompt is told.
    expect(counts.filter(({ role }) => role === 'user').map((row) => row.token_count)).toEqual([
      30, 15, 15, 15,
    ])
    expect(
      counts.flatMap((row) =>
        row.role === 'user' ? [] : [[row.turn_tokens, row.turn_tokens_exact]],
      ),
    ).toEqual([
      [37, false],
      [22, true],
      [22, true],
      [22, true],
    ])
  })

  test.each<[string, Partial<TurnEnd>, Partial<TurnEnd>]>([
    ['a turn left the window that was not exact', {}, { sent: sentFrom(3) }],
    ['the reply before was not told', { reportedReplyTokens: undefined }, {}],
    ['another model wrote the reply before', { countedBy: 'other-model#1' }, {}],
    ['the prompt before held recalled turns', { sent: withRecalled(40) }, {}],
    ['this prompt held recalled turns', {}, { sent: withRecalled(40) }],
  ])('keeps the bound where %s', async (_, first, second) => {
    const { userId, sessionId } = turnStart()
    for (const [bound, promptTokens, change] of [
      [30, 46, first],
      [40, 76, second],
    ] as const) {
      const start = turnStart({ userId, sessionId, messageTokens: bound })
      await beginTurn(db, start)
      const usage = { prompt_tokens: promptTokens, completion_tokens: 7 }
      const tokens = { message: bound, reply: 12 }
      await finish(db, start, { usage, reportedReplyTokens: 7, tokens, ...change })
    }
    const counts = await db.kysely
      .selectFrom('messages')
      .select('token_count')
      .where('session_id', '=', sessionId)
      .where('role', '=', 'user')
      .orderBy('seq')
      .execute()
    expect(counts.map((row) => row.token_count)).toEqual([30, 40])
  })

  /** Takes turns whose windows hold so many of the turns before, and returns the tokens of each, and whether they are exact. */
  async function turnsWithWindows(windows: readonly number[], recalledAt?: number) {
    const { userId, sessionId } = turnStart()
    // Each message and each reply has 50 tokens, the system prompt 20, and what is recalled 40.
    const turnTokens = 50 + 50 + turnOverheadTokens
    for (const [index, turns] of windows.entries()) {
      const start = turnStart({ userId, sessionId, messageTokens: 60 })
      await beginTurn(db, start)
      const recalledTokens = index === recalledAt ? 40 : 0
      const prompt = 20 + turns * turnTokens + recalledTokens + 50 + 11
      await finish(db, start, {
        usage: { prompt_tokens: prompt, completion_tokens: 50 },
        reportedReplyTokens: 50,
        tokens: { message: 60, reply: 70 },
        sent: {
          ...sentFrom(2 * (index - turns) + 1),
          recalled: recalledTokens > 0 ? [2] : [],
          recalledTokens,
        },
      })
    }
    const replies = (await storedMessages(db, sessionId)).filter(({ role }) => role === 'assistant')
    return replies.map((row) => [row.turn_tokens, row.turn_tokens_exact])
  }

  const [ofExact, ofBound] = [
    [100, true],
    [110, false],
  ]

  test('is exact until a turn that was not exact leaves the window', async () => {
    // The first turn is never exact: the last prompt lost it.
    expect(await turnsWithWindows([0, 1, 2, 1])).toEqual([ofBound, ofExact, ofExact, ofBound])
  })

  test('is exact where only exact turns left the window', async () => {
    // The turns that leave it, from the second prompt on: the first, none, the second, the third.
    expect(await turnsWithWindows([0, 0, 1, 1, 1])).toEqual([
      ofBound,
      ofBound,
      ofExact,
      ofBound,
      ofExact,
    ])
  })

  test('of prompts with recalled turns makes no count wrong', async () => {
    // The third prompt recalls: neither it nor the one after can be compared with the prompt before.
    expect(await turnsWithWindows([0, 1, 2, 3, 4], 2)).toEqual([
      ofBound,
      ofExact,
      ofBound,
      ofBound,
      ofExact,
    ])
  })

  test('counted under another model is a bound for this one', async () => {
    const { userId, sessionId } = turnStart()
    for (const countedBy of ['a', 'a', 'a']) {
      const start = turnStart({ userId, sessionId, messageTokens: 30 })
      await beginTurn(db, start)
      const [tokens, usage] = [
        { message: 30, reply: 40 },
        { prompt_tokens: 46, completion_tokens: 7 },
      ]
      await finish(db, start, { usage, tokens, reportedReplyTokens: 7, countedBy })
    }
    const windowOf = async (countedBy: string) => {
      const start = turnStart({ userId, sessionId })
      const begun = await beginTurn(db, { ...start, window: { ...start.window, countedBy } })
      await finish(db, start, { status: 'failed', content: '', finishReason: null })
      return begun.verdict === 'run' ? begun.window.map(({ tokens }) => tokens) : []
    }
    const bound = 30 + 40 + turnOverheadTokens
    expect(await windowOf('b')).toEqual([bound, bound, bound])
    for (const tokens of await windowOf('a')) expect(tokens).toBeLessThan(bound)
  })

  test('that is nonsense is not believed', async () => {
    const { userId, sessionId } = turnStart()
    for (const promptTokens of [40, 1, 2_000_000_000]) {
      const start = turnStart({ userId, sessionId, messageTokens: 30 })
      await beginTurn(db, start)
      const usage = { prompt_tokens: promptTokens, completion_tokens: 7 }
      await finish(db, start, { usage, reportedReplyTokens: 7, messageBytes: 100 })
    }
    const counts = await db.kysely
      .selectFrom('messages')
      .select('token_count')
      .where('session_id', '=', sessionId)
      .where('role', '=', 'user')
      .execute()
    expect(counts.map((row) => row.token_count)).toEqual([30, 30, 30])
  })
})
