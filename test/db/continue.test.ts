import { describe, expect, test } from 'vitest'
import { rateReply } from '../../src/db/rate-reply.ts'
import { deleteSession } from '../../src/db/sessions.ts'
import { spentToday } from '../../src/db/spending.ts'
import { abandonTurn } from '../../src/db/turns/abandon-turn.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { checkpointTurn } from '../../src/db/turns/finish-turn.ts'
import { stopTurn } from '../../src/db/turns/stop-turn.ts'
import type { TurnEnd } from '../../src/turn/turn-end.ts'
import type { ContinueLimits, TurnStart } from '../../src/turn/turn.ts'
import {
  expireLease,
  finish,
  newUserId,
  sentFrom,
  takeTurn,
  testDatabase,
  turnCheckpoint,
  turnStart,
} from '../rigs/conversation.ts'
import { expectSound, storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()

const cutOff = {
  status: 'interrupted',
  content: 'So far',
  finishReason: null,
  errorCode: 'stopped',
} as const
const atLimit = { status: 'complete', content: 'So far', finishReason: 'length' } as const

/** A request to continue the reply of a turn. */
function continuing(start: TurnStart, change: Partial<ContinueLimits> = {}): TurnStart {
  const continues = { replyId: start.replyId, tokens: 48, maxBytes: 1_000, ...change }
  return {
    ...start,
    lease: crypto.randomUUID(),
    replyId: crypto.randomUUID(),
    regenerate: null,
    continues,
  }
}

/** The turn as it runs: it writes the reply that it continues. */
function running(start: TurnStart): TurnStart {
  return { ...start, replyId: start.continues!.replyId }
}

/** A turn whose reply is continued: the request runs. */
async function continued(change: Partial<TurnStart> = {}, end: Partial<TurnEnd> = cutOff) {
  const { start } = await takeTurn(db, change, end)
  const request = continuing(start)
  const begun = await beginTurn(db, request)
  if (begun.verdict !== 'run') throw new Error(`verdict ${begun.verdict}`)
  return { start, request, run: running(request), begun }
}

async function replyOf({ sessionId }: TurnStart) {
  const rows = await expectSound(db, sessionId)
  return rows.findLast(({ role, status }) => role === 'assistant' && status !== 'superseded')!
}

describe('a request to continue', () => {
  test.each([
    ['a reply that was stopped', cutOff, { status: 'interrupted' }, 'stopped'],
    ['a reply at its limit', atLimit, { status: 'complete', finish_reason: 'length' }, null],
  ])('runs for %s, in the same row', async (_, end, before, errorCode) => {
    const { start } = await takeTurn(db, {}, end)
    const request = continuing(start)
    const begun = await beginTurn(db, request)
    expect(begun).toMatchObject({
      verdict: 'run',
      replyId: start.replyId,
      message: { id: start.messageId },
      window: [],
      continued: {
        reply: { id: start.replyId, content: 'So far', ...before },
        errorCode,
        tokens: 10,
      },
    })
    expect(await replyOf(start)).toMatchObject({
      id: start.replyId,
      seq: 2,
      status: 'streaming',
      content: 'So far',
      finish_reason: null,
      error_code: null,
      lease: request.lease,
      stop_requested: false,
    })
  })

  test('finds what it did if its begin is repeated, and another one waits', async () => {
    const { start, request, begun } = await continued({}, atLimit)
    expect(await beginTurn(db, request)).toEqual(begun)
    expect(await beginTurn(db, continuing(start))).toMatchObject({ verdict: 'running' })
  })

  test('is a replay once the reply is complete, or longer than the client knows', async () => {
    const { start, run } = await continued()
    await finish(db, run, { content: 'So far so good', status: 'interrupted', finishReason: null })
    for (const from of [6, 13])
      expect(await beginTurn(db, continuing(start, { from }))).toMatchObject({
        verdict: 'replay',
        replay: { reply: { content: 'So far so good', status: 'interrupted' } },
      })
    const third = continuing(start, { from: 14 })
    expect(await beginTurn(db, third)).toMatchObject({ verdict: 'run' })
    await finish(db, running(third), { content: 'So far so good.' })
    expect(await beginTurn(db, continuing(start))).toMatchObject({ verdict: 'replay' })
  })

  test('compares lengths in UTF-16 units', async () => {
    const { start } = await takeTurn(db, {}, { ...cutOff, content: 'é👋🏽𝒜' })
    expect(await beginTurn(db, continuing(start, { from: 6 }))).toMatchObject({ verdict: 'replay' })
    expect(await beginTurn(db, continuing(start, { from: 7 }))).toMatchObject({ verdict: 'run' })
  })

  test('is a replay for a text that is too long to be continued', async () => {
    const { start } = await takeTurn(db, {}, { ...cutOff, content: 'é'.repeat(10) })
    expect(await beginTurn(db, continuing(start, { maxBytes: 19 }))).toMatchObject({
      verdict: 'replay',
    })
    expect(await beginTurn(db, continuing(start, { maxBytes: 20 }))).toMatchObject({
      verdict: 'run',
    })
  })

  test('is a mismatch for other words, an unknown message, or a reply that is not one of the message', async () => {
    const { start: other } = await takeTurn(db)
    const { start } = await takeTurn(
      db,
      { userId: other.userId, sessionId: other.sessionId },
      cutOff,
    )
    for (const request of [
      { ...continuing(start), content: 'Other words' },
      { ...continuing(start), messageId: crypto.randomUUID() },
      continuing(start, { replyId: other.replyId }),
      continuing(start, { replyId: crypto.randomUUID() }),
      continuing(start, { replyId: start.messageId }),
    ])
      expect(await beginTurn(db, request)).toEqual({ verdict: 'mismatch' })
  })

  test("makes no session, and finds none of another user's", async () => {
    const request = turnStart({ continues: continuing(turnStart()).continues })
    expect(await beginTurn(db, request)).toEqual({ verdict: 'not_found' })
    const { start } = await takeTurn(db, {}, cutOff)
    expect(await beginTurn(db, { ...continuing(start), userId: newUserId() })).toEqual({
      verdict: 'not_found',
    })
  })

  test('is refused for a turn that is not the last, and is a replay for its complete reply', async () => {
    const { start } = await takeTurn(db, {}, cutOff)
    const { start: whole } = await takeTurn(db, {}, {})
    for (const { userId, sessionId } of [start, whole]) await takeTurn(db, { userId, sessionId })
    expect(await beginTurn(db, continuing(start))).toEqual({ verdict: 'not_last' })
    expect(await beginTurn(db, continuing(whole))).toMatchObject({ verdict: 'replay' })
  })

  test('runs a failed reply again', async () => {
    const { start } = await takeTurn(db, {}, { status: 'failed', content: '', finishReason: null })
    const request = continuing(start)
    const begun = await beginTurn(db, request)
    expect(begun).toMatchObject({ verdict: 'run', replyId: start.replyId })
    expect(begun).not.toHaveProperty('continued')
    expect(await beginTurn(db, request)).toEqual(begun)
  })

  test('is a replay of the reply that took the place of the one it names', async () => {
    const { start } = await takeTurn(db, {}, cutOff)
    const other = { ...continuing(start), continues: undefined, regenerate: start.replyId }
    await takeTurn(db, other, { content: 'Other' })
    expect(await beginTurn(db, continuing(start))).toMatchObject({
      verdict: 'replay',
      replay: { reply: { id: other.replyId, content: 'Other' } },
    })
  })

  test('runs for a reply that took the place of another one, and for one whose Worker died', async () => {
    const { start } = await takeTurn(db, {}, cutOff)
    const other = { ...continuing(start), continues: undefined, regenerate: start.replyId }
    await beginTurn(db, other)
    await checkpointTurn(db, other, turnCheckpoint({ content: 'Oth' }))
    await expireLease(db, other)
    const request = continuing(other)
    expect(await beginTurn(db, request)).toMatchObject({
      verdict: 'run',
      continued: { reply: { content: 'Oth', status: 'interrupted' }, errorCode: 'interrupted' },
    })
    expect(await finish(db, other, { content: 'Other, but late' })).toEqual({
      outcome: 'taken_over',
    })
    await finish(db, running(request), { content: 'Other' })
    expect(await replyOf(start)).toMatchObject({ id: other.replyId, content: 'Other', seq: 3 })
  })
})

describe('a continued reply', () => {
  const usage = { prompt_tokens: 20, completion_tokens: 10 }

  test('has the usage of both calls, and keeps its place, its time and its feedback', async () => {
    const { start } = await takeTurn(
      db,
      {},
      { ...cutOff, usage, cachedTokens: 16, terms: [1], messageTerms: 1 },
    )
    const before = await replyOf(start)
    await rateReply(db, start, { rating: 'up', comment: 'Good so far' })
    const request = continuing(start)
    await beginTurn(db, request)
    const finished = await finish(db, running(request), {
      content: 'So far so good',
      usage: { prompt_tokens: 7, completion_tokens: 5 },
      cachedTokens: 3,
      terms: [1, 2],
      messageTerms: 1,
    })
    expect(finished).toMatchObject({
      outcome: 'stored',
      reply: {
        id: start.replyId,
        content: 'So far so good',
        status: 'complete',
        usage: { prompt_tokens: 27, completion_tokens: 15 },
        feedback: { rating: 'up', comment: 'Good so far' },
      },
    })
    const row = await replyOf(start)
    expect(row).toMatchObject({
      seq: 2,
      created_at: before.created_at,
      cached_tokens: 19,
      error_code: null,
    })
    expect(row.terms).toHaveLength(2)
  })

  test('is stored whatever nonsense a provider tells of its calls', async () => {
    const most = { prompt_tokens: 2_000_000_000, completion_tokens: 500_000_000 }
    const first = await continued({}, { ...cutOff, usage: most, cachedTokens: null })
    const content = 'So far so good'
    await finish(db, first.run, { content, usage: most, cachedTokens: null })
    expect(await replyOf(first.start)).toMatchObject({
      content,
      prompt_tokens: 2_147_483_647,
      completion_tokens: 1_000_000_000,
    })
  })

  test('has the usage that was told, if one call did not tell', async () => {
    const first = await continued({}, { ...cutOff, usage, cachedTokens: null })
    await finish(db, first.run, { content: 'So far so good' })
    expect(await replyOf(first.start)).toMatchObject({ ...usage, cached_tokens: null })
    const second = await continued()
    await finish(db, second.run, { content: 'So far so good', usage, cachedTokens: 4 })
    expect(await replyOf(second.start)).toMatchObject({ ...usage, cached_tokens: 4 })
  })

  test('tells no exact counts: neither its own, nor those of its message and the next one', async () => {
    const counted = (prompt: number) => ({
      reportedReplyTokens: 5,
      usage: { prompt_tokens: prompt, completion_tokens: 5 },
    })
    const { start: first } = await takeTurn(db, {}, counted(30))
    const session = { userId: first.userId, sessionId: first.sessionId }
    const window = { sent: sentFrom(1) }
    const { start, run } = await continued(session, { ...atLimit, ...counted(60), ...window })
    const exact = { turn_tokens_exact: false, counted_by: null }
    expect(await replyOf(start)).toMatchObject(exact)
    const tokens = { message: 10, reply: 12 }
    await finish(db, run, { content: 'So far so good', ...counted(80), ...window, tokens })
    expect(await replyOf(start)).toMatchObject({ ...exact, turn_tokens: 22, turn_tokens_bound: 22 })
    const messages = async () =>
      (await storedMessages(db, start.sessionId)).filter(({ role }) => role === 'user')
    // As the first call told it: 60 less the prompt before, its reply and the overhead.
    expect((await messages())[1]).toMatchObject({ token_count: 60 - 30 - 5 - 8 })
    await takeTurn(db, session, { ...counted(200), ...window })
    expect((await messages())[2]).toMatchObject({ token_count: 10 })
  })

  test('that its turn leaves where it was is what it was', async () => {
    const { start, run } = await continued({}, atLimit)
    const nothing = { ...atLimit, errorCode: null } as const
    expect(await finish(db, run, nothing)).toMatchObject({
      reply: { status: 'complete', finish_reason: 'length' },
    })
    expect(await beginTurn(db, continuing(start))).toMatchObject({ verdict: 'run' })
  })

  test('whose turn dies is interrupted with its last checkpoint', async () => {
    const { start, run } = await continued({}, atLimit)
    const more = turnCheckpoint({ content: 'So far so', terms: [7], messageTerms: 1 })
    expect(await checkpointTurn(db, run, more)).toBe('go_on')
    // A late checkpoint of less text takes nothing back.
    expect(await checkpointTurn(db, run, turnCheckpoint({ content: 'So far' }))).toBe('go_on')
    await expireLease(db, run)
    expect(await beginTurn(db, continuing(start))).toMatchObject({
      verdict: 'run',
      continued: {
        reply: { content: 'So far so', status: 'interrupted' },
        errorCode: 'interrupted',
      },
    })
    expect(await checkpointTurn(db, run, more)).toBe('lost')
  })

  test('can be stopped, and its turn is told so; a stop from before is forgotten', async () => {
    const { start } = await takeTurn(db, {}, cutOff)
    await db.kysely
      .updateTable('messages')
      .set({ stop_requested: true })
      .where('id', '=', start.replyId)
      .execute()
    const request = continuing(start)
    await beginTurn(db, request)
    const checkpoint = turnCheckpoint({ content: 'So far' })
    expect(await checkpointTurn(db, running(request), checkpoint)).toBe('go_on')
    expect(await stopTurn(db, start.userId, start.sessionId)).toMatchObject({
      running: { replyId: start.replyId },
    })
    expect(await checkpointTurn(db, running(request), checkpoint)).toBe('stop')
  })

  test('that is erased meanwhile stays erased', async () => {
    const { start, run } = await continued()
    await deleteSession(db, start.userId, start.sessionId)
    expect(await finish(db, run)).toEqual({ outcome: 'session_deleted' })
  })

  test.each([
    [cutOff, { status: 'interrupted', finish_reason: null, error_code: 'stopped' }],
    [atLimit, { status: 'complete', finish_reason: 'length', error_code: null }],
  ])('whose begin is abandoned is what it was: $status', async (end, before) => {
    const { start, request } = await continued({}, end)
    const options = { errorCode: 'database_unavailable' }
    expect(await abandonTurn(db, request, options)).toBe('abandoned')
    expect(await replyOf(start)).toMatchObject({ content: 'So far', ...before })
    expect(await beginTurn(db, request)).toEqual({ verdict: 'ended' })
    expect(await beginTurn(db, continuing(start))).toMatchObject({
      verdict: 'run',
      continued: {
        reply: { status: before.status, content: 'So far' },
        errorCode: before.error_code,
      },
    })
  })

  test('is regenerated as any other', async () => {
    const { start, run } = await continued()
    await finish(db, run, { content: 'So far so good' })
    const other = { ...continuing(start), continues: undefined, regenerate: start.replyId }
    expect(await beginTurn(db, other)).toMatchObject({ verdict: 'run', replyId: other.replyId })
    await finish(db, other, { content: 'Other' })
    expect(await replyOf(start)).toMatchObject({ id: other.replyId, continued_from: null })
  })
})

describe('the text so far', () => {
  /** A session of turns of 30 tokens with their overhead, whose last reply of 60 tokens was cut off. */
  async function session(turns: number, replyTokens = 60) {
    const { start: first } = await takeTurn(db, {}, { tokens: { message: 12, reply: 10 } })
    const { userId, sessionId } = first
    for (let turn = 1; turn < turns; turn += 1)
      await takeTurn(db, { userId, sessionId }, { tokens: { message: 12, reply: 10 } })
    const { start } = await takeTurn(
      db,
      { userId, sessionId },
      { ...cutOff, tokens: { message: 10, reply: replyTokens } },
    )
    return start
  }

  test.each([
    ['all turns, if there is room', 90 + 48 + 60, 3, 60],
    ['fewer turns', 89 + 48 + 60, 1, 60],
    ['no turn', 29 + 48 + 60, 0, 60],
    ['no turn, and only a part of the text', 48 + 59, 0, 59],
  ])('leaves room for %s, and all of it is debited', async (_, tokens, turns, textTokens) => {
    const start = await session(3)
    const before = (await spentToday(db, start.payers)).spent[0]!.tokens
    const window = { ...start.window, tokens }
    const begun = await beginTurn(db, { ...continuing(start), window })
    expect(begun).toMatchObject({ verdict: 'run', continued: { tokens: textTokens } })
    expect('window' in begun && begun.window.length).toBe(turns)
    const debit = start.maxTokens + 48 + textTokens + 30 * turns
    expect((await spentToday(db, start.payers)).spent[0]!.tokens - before).toBe(debit)
    expect(await replyOf(start)).toMatchObject({
      continued_from: 6,
      continued_tokens: textTokens + 48 - 8,
    })
  })

  test('takes its part of the room before recall does', async () => {
    const start = await session(3)
    const recall = { tokens: 40, terms: [1], borrows: false, scope: 'session' as const }
    const window = { ...start.window, tokens: 48 + 60 + 60 }
    // Of the 60 tokens that are left, recall keeps half.
    const begun = await beginTurn(db, { ...continuing(start), window, recall })
    expect('window' in begun && begun.window.length).toBe(1)
  })

  test('is paid for once: what the second call did not spend is refunded', async () => {
    const { start, run } = await continued()
    await finish(db, run, {
      content: 'So far so good',
      spent: { prompt_tokens: 7, completion_tokens: 5, cached_tokens: 0 },
    })
    // The first call spent 30.
    expect((await spentToday(db, start.payers)).spent[0]!.tokens).toBe(42)
  })
})

test('a busy session tells which reply is running', async () => {
  const { start } = await continued()
  const { userId, sessionId } = start
  expect(await beginTurn(db, turnStart({ userId, sessionId }))).toMatchObject({
    verdict: 'busy',
    replyId: start.replyId,
  })
})
