import { describe, expect, test } from 'vitest'
import { listMessages } from '../../src/db/list-messages.ts'
import { rateReply } from '../../src/db/rate-reply.ts'
import { deleteSession, findSession, listSessions } from '../../src/db/sessions.ts'
import { abandonTurn } from '../../src/db/turns/abandon-turn.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { checkpointTurn } from '../../src/db/turns/finish-turn.ts'
import { stopTurn } from '../../src/db/turns/stop-turn.ts'
import type { Begun } from '../../src/turn/turn.ts'
import {
  expireLease,
  finish,
  newUserId,
  takeTurn,
  testDatabase,
  turnCheckpoint,
  turnStart,
} from '../rigs/conversation.ts'
import { storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()

async function history(start: { userId: string; sessionId: string }, superseded = false) {
  const page = await listMessages(db, { ...start, limit: 200, superseded })
  return page?.messages.map(({ seq, role, content, status }) => ({ seq, role, content, status }))
}

/** The same turn by another request. */
function again<Start extends { lease: string; replyId: string }>(start: Start, change = {}): Start {
  return { ...start, lease: crypto.randomUUID(), replyId: crypto.randomUUID(), ...change }
}

function windowOf(begun: Begun) {
  if (begun.verdict !== 'run') throw new Error(`verdict ${begun.verdict}`)
  return begun.window
}

describe('a new turn', () => {
  test('makes the session, stores the message and an empty reply', async () => {
    const start = turnStart({ content: 'My name is Ada.', title: 'My name is Ada.' })
    const begun = await beginTurn(db, start)
    expect(begun).toMatchObject({ verdict: 'run', replyId: start.replyId, window: [] })
    expect(await history(start)).toEqual([
      { seq: 1, role: 'user', content: 'My name is Ada.', status: 'complete' },
      { seq: 2, role: 'assistant', content: '', status: 'streaming' },
    ])
    const session = await findSession(db, start.userId, start.sessionId)
    expect(session).toMatchObject({ title: 'My name is Ada.', last_message_at: expect.any(String) })
  })

  test('in a session that is not there is refused unless it may make one', async () => {
    const start = turnStart({ createSession: false })
    expect(await beginTurn(db, start)).toEqual({ verdict: 'not_found' })
    expect(await findSession(db, start.userId, start.sessionId)).toBeUndefined()
  })

  test("in another user's session is refused like one in none, and changes nothing", async () => {
    const { start } = await takeTurn(db)
    const theirs = again(start, { userId: newUserId(), messageId: crypto.randomUUID() })
    for (const createSession of [true, false])
      expect(await beginTurn(db, { ...theirs, createSession })).toEqual({ verdict: 'not_found' })
    expect(await history(start)).toHaveLength(2)
    expect(await history(theirs)).toBeUndefined()
  })

  test('keeps context text, metadata and text of any script', async () => {
    const content = 'שלום 👩‍👩‍👧 "\\ \u2028 \t {}'
    const metadata = { page: '/docs', nested: { list: [1, 'two', null, true] } }
    const { start, begun } = await takeTurn(
      db,
      { content, contextText: 'selected\ntext', metadata },
      { content },
    )
    expect(begun).toMatchObject({ message: { content, context_text: 'selected\ntext', metadata } })
    const page = await listMessages(db, { ...start, limit: 10 })
    expect(page?.messages).toMatchObject([
      { content, context_text: 'selected\ntext', metadata },
      { content },
    ])
  })

  test('while another runs is busy and leaves no trace', async () => {
    const running = turnStart()
    await beginTurn(db, running)
    const second = again(running, { messageId: crypto.randomUUID() })
    const begun = await beginTurn(db, second)
    expect(begun).toMatchObject({ verdict: 'busy' })
    expect('retryAfterMs' in begun && begun.retryAfterMs).toBeGreaterThan(0)
    expect(await history(running)).toHaveLength(2)
  })

  test('asked twice under one lease finds what it did', async () => {
    const start = turnStart()
    const first = await beginTurn(db, start)
    expect(await beginTurn(db, start)).toEqual(first)
    expect(await history(start)).toHaveLength(2)
  })
})

describe('a call that arrives late', () => {
  test('does not begin anew what ended under its own lease', async () => {
    const end = { status: 'failed', content: '', finishReason: null } as const
    const { start } = await takeTurn(db, {}, end)
    expect(await beginTurn(db, start)).toMatchObject({ verdict: 'replay' })
    expect(await history(start)).toMatchObject([{}, { status: 'failed' }])
  })

  test('takes back nothing of what a later checkpoint saved', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    for (const content of ['So far', 'So'])
      await checkpointTurn(
        db,
        start,
        turnCheckpoint({ content, tokens: { message: 10, reply: content.length } }),
      )
    expect(await history(start)).toMatchObject([{}, { content: 'So far' }])
  })

  test('does not keep text that turned out to be thinking, once there is other text', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    for (const content of ['A long thought', 'Yes', 'Yes, it is'])
      await checkpointTurn(db, start, turnCheckpoint({ content }))
    expect(await history(start)).toMatchObject([{}, { content: 'Yes, it is' }])
  })
})

describe('a finished turn', () => {
  test('is not changed by a checkpoint that arrives late', async () => {
    const { start } = await takeTurn(db, {}, { content: 'Whole', finishReason: 'stop' })
    const late = turnCheckpoint({ content: 'Whole and more', tokens: { message: 99, reply: 99 } })
    expect(await checkpointTurn(db, start, late)).toBe('lost')
    const [, reply] = await storedMessages(db, start.sessionId)
    expect(reply).toMatchObject({ content: 'Whole', status: 'complete', token_count: 10 })
  })

  test('puts its session first in the list, however old that is', async () => {
    const userId = newUserId()
    const { start: older } = await takeTurn(db, { userId })
    const { start: newer } = await takeTurn(db, { userId })
    const listed = async () => {
      const { sessions } = await listSessions(db, userId, { limit: 10 })
      return sessions.map(({ id }) => id)
    }
    expect(await listed()).toEqual([newer.sessionId, older.sessionId])
    await takeTurn(db, again(older, { messageId: crypto.randomUUID() }))
    expect(await listed()).toEqual([older.sessionId, newer.sessionId])
    await takeTurn(db, again(newer, { regenerate: newer.replyId }))
    expect(await listed()).toEqual([newer.sessionId, older.sessionId])
  })

  test('is stored with its usage, in order, without gaps', async () => {
    const { start, finished } = await takeTurn(
      db,
      {},
      { usage: { prompt_tokens: 20, completion_tokens: 2 } },
    )
    expect(finished).toMatchObject({
      outcome: 'stored',
      reply: {
        status: 'complete',
        finish_reason: 'stop',
        usage: { prompt_tokens: 20, completion_tokens: 2 },
      },
    })
    await takeTurn(db, { ...start, messageId: crypto.randomUUID(), replyId: crypto.randomUUID() })
    expect((await history(start))?.map(({ seq, role }) => [seq, role])).toEqual([
      [1, 'user'],
      [2, 'assistant'],
      [3, 'user'],
      [4, 'assistant'],
    ])
  })

  test('is replayed to whoever sends the same message again', async () => {
    for (const status of ['complete', 'interrupted'] as const) {
      const end = status === 'complete' ? {} : { status, finishReason: null }
      const { start } = await takeTurn(db, {}, { content: 'Once', ...end })
      expect(await beginTurn(db, again(start))).toMatchObject({
        verdict: 'replay',
        message: { id: start.messageId },
        replay: { reply: { content: 'Once', status } },
      })
    }
  })

  test('is a mismatch for another body under the same message_id', async () => {
    const { start } = await takeTurn(db, { contextText: 'a', metadata: { a: 1 } })
    for (const change of [
      { content: 'Other' },
      { contextText: null },
      { contextText: 'b' },
      { metadata: {} },
      { messageId: start.replyId },
    ])
      expect(await beginTurn(db, again(start, change))).toEqual({ verdict: 'mismatch' })
    expect(await history(start)).toHaveLength(2)
  })

  test('asked to finish twice under its lease changes nothing', async () => {
    const { start, finished } = await takeTurn(db)
    expect(await finish(db, start, { content: 'Later' })).toEqual(finished)
  })

  test('with a history asked for brings the newest messages, oldest first', async () => {
    const { start } = await takeTurn(db)
    const second = again(start, { messageId: crypto.randomUUID() })
    await beginTurn(db, second)
    const finished = await finish(db, second, { content: 'Second' }, 3)
    expect(finished).toMatchObject({
      history: { hasMore: true, messages: [{ seq: 2 }, { seq: 3 }, { seq: 4, content: 'Second' }] },
    })
  })

  test('in a session that was erased meanwhile stores nothing', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    expect(await deleteSession(db, start.userId, start.sessionId)).toBeDefined()
    expect(await finish(db, start)).toEqual({ outcome: 'session_deleted' })
    expect(await history(start)).toBeUndefined()
  })
})

describe('a failed reply', () => {
  test('whose turn was stopped leaves no stop behind for the next try', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    expect(await stopTurn(db, start.userId, start.sessionId)).toMatchObject({
      running: { replyId: start.replyId },
    })
    await finish(db, start, { status: 'failed', content: '', finishReason: null })
    const retry = { ...again(start), replyId: start.replyId }
    expect(await beginTurn(db, retry)).toMatchObject({ verdict: 'run' })
    expect(await checkpointTurn(db, retry, turnCheckpoint())).toBe('go_on')
  })

  test('leaves no finish reason behind: a try that dies is not complete', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    await finish(db, start, { status: 'failed', content: '', finishReason: 'stop' })
    const retry = { ...again(start), replyId: start.replyId }
    await beginTurn(db, retry)
    await checkpointTurn(db, retry, turnCheckpoint({ content: 'So far' }))
    await expireLease(db, retry)
    const page = await listMessages(db, { ...start, limit: 10 })
    expect(page?.messages[1]).toMatchObject({ status: 'interrupted', content: 'So far' })
    expect(page?.messages[1]).not.toHaveProperty('finish_reason')
  })

  test('leaves no feedback, usage or record of its prompt behind', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    await finish(db, start, {
      status: 'failed',
      content: '',
      usage: { prompt_tokens: 20, completion_tokens: 2 },
      terms: [1, 2],
      messageTerms: 1,
      sent: { windowFrom: 1, recalled: [2], recalledElsewhere: 1, recalledTokens: 40 },
    })
    await rateReply(db, start, { rating: 'down', comment: 'Nothing came' })
    await beginTurn(db, { ...again(start), replyId: start.replyId })
    const [, reply] = await storedMessages(db, start.sessionId)
    expect(reply).toMatchObject({
      status: 'streaming',
      content: '',
      prompt_tokens: null,
      completion_tokens: null,
      cached_tokens: null,
      terms: null,
      message_terms: null,
      recalled: null,
      recalled_elsewhere: 0,
      recalled_tokens: 0,
      error_code: null,
      model: null,
      counted_by: null,
      rating: null,
      rating_comment: null,
    })
  })

  async function failedTurn() {
    const { start } = await takeTurn(db, {}, { status: 'failed', content: '', finishReason: null })
    return start
  }

  test('leaves the message, and the same message_id runs again in its row', async () => {
    const start = await failedTurn()
    const retry = again(start)
    const begun = await beginTurn(db, retry)
    expect(begun).toMatchObject({ verdict: 'run', replyId: start.replyId })
    await finish(db, { ...retry, replyId: start.replyId }, { content: 'At last' })
    expect(await history(start)).toEqual([
      { seq: 1, role: 'user', content: 'Hello', status: 'complete' },
      { seq: 2, role: 'assistant', content: 'At last', status: 'complete' },
    ])
  })

  test('that is not the last turn any more is not run again', async () => {
    const start = await failedTurn()
    await takeTurn(db, again(start, { messageId: crypto.randomUUID() }))
    expect(await beginTurn(db, again(start))).toEqual({ verdict: 'not_last' })
  })

  test('stays out of the window with its message', async () => {
    const start = await failedTurn()
    const next = await beginTurn(db, again(start, { messageId: crypto.randomUUID() }))
    expect(windowOf(next)).toEqual([])
  })
})

describe('a lease', () => {
  test('that runs out leaves an interrupted reply where text was saved, a failed one where none', async () => {
    for (const [content, status] of [
      ['So far', 'interrupted'],
      ['', 'failed'],
    ] as const) {
      const start = turnStart()
      await beginTurn(db, start)
      await checkpointTurn(
        db,
        start,
        turnCheckpoint({ content, tokens: { message: 10, reply: 5 } }),
      )
      await expireLease(db, start)
      expect(await history(start)).toMatchObject([{}, { content, status }])
      await takeTurn(db, again(start, { messageId: crypto.randomUUID() }))
      expect(await history(start)).toMatchObject([{}, { content, status }, {}, {}])
    }
  })

  test('that was taken over lets its Worker write nothing any more', async () => {
    const dead = turnStart()
    await beginTurn(db, dead)
    await expireLease(db, dead)
    const retry = again(dead)
    expect(await beginTurn(db, retry)).toMatchObject({ verdict: 'run', replyId: dead.replyId })
    expect(await finish(db, dead, { content: 'Too late' })).toMatchObject({ outcome: 'taken_over' })
    const saved = await checkpointTurn(
      db,
      dead,
      turnCheckpoint({ content: 'Too late', tokens: { message: 10, reply: 5 } }),
    )
    expect(saved).toBe('lost')
    await finish(db, { ...retry, replyId: dead.replyId }, { content: 'In time' })
    expect(await history(dead)).toMatchObject([{}, { content: 'In time', status: 'complete' }])
  })

  test('that ran out and was taken by nobody still lets its Worker finish', async () => {
    const slow = turnStart()
    await beginTurn(db, slow)
    await expireLease(db, slow)
    expect(await finish(db, slow, { content: 'Late' })).toMatchObject({ outcome: 'stored' })
    expect(await history(slow)).toMatchObject([{}, { content: 'Late', status: 'complete' }])
  })

  test("that ran out is not settled by a stranger's turn, so its Worker still finishes", async () => {
    const slow = turnStart()
    await beginTurn(db, slow)
    await expireLease(db, slow)
    for (const createSession of [true, false]) {
      const theirs = again(slow, { userId: newUserId(), createSession })
      expect(await beginTurn(db, theirs)).toEqual({ verdict: 'not_found' })
    }
    expect(await finish(db, slow, { content: 'Late' })).toMatchObject({ outcome: 'stored' })
  })

  test('is renewed by a checkpoint, which stores the reply so far', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    await expireLease(db, start)
    const saved = await checkpointTurn(
      db,
      start,
      turnCheckpoint({ content: 'So far', tokens: { message: 10, reply: 5 } }),
    )
    expect(saved).toBe('go_on')
    expect(await history(start)).toMatchObject([{}, { content: 'So far', status: 'streaming' }])
  })
})

describe('a turn that is abandoned', () => {
  const errorCode = 'database_unavailable'

  test('leaves its message with a failed reply, and the session free', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    expect(await abandonTurn(db, start, { errorCode })).toBe('abandoned')
    expect(await storedMessages(db, start.sessionId)).toMatchObject([
      { status: 'complete' },
      { status: 'failed', error_code: errorCode },
    ])
    expect(await beginTurn(db, again(start))).toMatchObject({
      verdict: 'run',
      replyId: start.replyId,
    })
  })

  test('leaves the reply that it was to replace', async () => {
    const { start } = await takeTurn(db, {}, { content: 'First' })
    const other = again(start, { regenerate: start.replyId })
    await beginTurn(db, other)
    await abandonTurn(db, other, { errorCode })
    expect(await history(start)).toMatchObject([{}, { content: 'First', status: 'complete' }])
  })

  test('does not begin if its begin arrives after that', async () => {
    const start = turnStart()
    expect(await abandonTurn(db, start, { errorCode })).toBe('not_begun')
    expect(await beginTurn(db, start)).toEqual({ verdict: 'ended' })
    expect(await storedMessages(db, start.sessionId)).toEqual([])
    expect(await beginTurn(db, again(start))).toMatchObject({ verdict: 'run' })
  })

  test('does not begin again after its retry has failed', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    await abandonTurn(db, start, { errorCode })
    await takeTurn(db, again(start), { status: 'failed', content: '', finishReason: null })
    expect(await beginTurn(db, start)).toEqual({ verdict: 'ended' })
  })

  test('is not a turn of the same session under another lease', async () => {
    const start = turnStart()
    await beginTurn(db, start)
    expect(await abandonTurn(db, again(start), { errorCode })).toBe('not_begun')
    expect(await finish(db, start)).toMatchObject({ outcome: 'stored' })
  })
})

describe('asking again', () => {
  test('makes a new reply and supersedes the old one, which stays readable', async () => {
    const { start } = await takeTurn(db, {}, { content: 'First' })
    const other = again(start, { regenerate: start.replyId })
    expect(await beginTurn(db, other)).toMatchObject({ verdict: 'run', replyId: other.replyId })
    await finish(db, other, { content: 'Second' })
    expect(await history(start)).toMatchObject([{ seq: 1 }, { seq: 3, content: 'Second' }])
    expect(await history(start, true)).toMatchObject([
      { seq: 1 },
      { seq: 2, content: 'First', status: 'superseded' },
      { seq: 3, content: 'Second' },
    ])
  })

  test.for(['failed', 'stopped'])(
    'takes nothing away if the new reply has no text (%s)',
    async (errorCode) => {
      const { start } = await takeTurn(db, {}, { content: 'First' })
      const other = again(start, { regenerate: start.replyId })
      await beginTurn(db, other)
      // Text that turns out to be thinking.
      await checkpointTurn(db, other, turnCheckpoint({ content: 'I think' }))
      const nothing = { status: 'failed', content: '', finishReason: null, errorCode } as const
      for (let time = 0; time < 2; time += 1)
        expect(await finish(db, other, nothing)).toMatchObject({ reply: { status: 'failed' } })
      expect(await history(start)).toMatchObject([{ seq: 1 }, { seq: 2, status: 'complete' }])
      expect(await history(start, true)).toMatchObject([
        { seq: 1 },
        { seq: 2, content: 'First' },
        { seq: 3, content: '', status: 'superseded' },
      ])
      expect(await beginTurn(db, again(start))).toMatchObject({
        verdict: 'replay',
        replay: { reply: { content: 'First' } },
      })
      const third = again(start, { regenerate: start.replyId })
      expect(await beginTurn(db, third)).toMatchObject({ verdict: 'run', replyId: third.replyId })
      await finish(db, third, { content: 'Third' })
      expect(await history(start)).toMatchObject([{ seq: 1 }, { seq: 4, content: 'Third' }])
    },
  )

  test('supersedes the old reply when the new one ends with text, also if its Worker died', async () => {
    const { start } = await takeTurn(db, {}, { content: 'First' })
    const other = again(start, { regenerate: start.replyId })
    await beginTurn(db, other)
    expect(await history(start)).toMatchObject([{}, { content: 'First' }, { status: 'streaming' }])
    await checkpointTurn(db, other, turnCheckpoint({ content: 'Sec' }))
    const both = [{}, { content: 'First' }, { content: 'Sec', status: 'streaming' }]
    expect(await history(start)).toMatchObject(both)
    await expireLease(db, other)
    expect(await beginTurn(db, again(start))).toMatchObject({
      verdict: 'replay',
      replay: { reply: { content: 'Sec', status: 'interrupted' } },
    })
  })

  test('takes nothing away if the Worker dies before the new reply has text', async () => {
    const { start } = await takeTurn(db, {}, { content: 'First' })
    const dead = again(start, { regenerate: start.replyId })
    await beginTurn(db, dead)
    await expireLease(db, dead)
    const next = again(start, { messageId: crypto.randomUUID(), content: 'Next' })
    expect(windowOf(await beginTurn(db, next))).toMatchObject([{ reply: 'First' }])
    expect(await history(start)).toMatchObject([{}, { content: 'First' }, { seq: 4 }, { seq: 5 }])
    expect(await finish(db, dead, { content: 'Late' })).toEqual({ outcome: 'taken_over' })
  })

  test('while the new reply has no text yet is running', async () => {
    const { start } = await takeTurn(db)
    await beginTurn(db, again(start, { regenerate: start.replyId }))
    for (const change of [{}, { regenerate: start.replyId }])
      expect(await beginTurn(db, again(start, change))).toMatchObject({ verdict: 'running' })
  })

  test('twice is a replay of the new reply', async () => {
    const { start } = await takeTurn(db)
    const other = again(start, { regenerate: start.replyId })
    await beginTurn(db, other)
    await finish(db, other, { content: 'Second' })
    expect(await beginTurn(db, again(other))).toMatchObject({
      verdict: 'replay',
      replay: { reply: { content: 'Second' } },
    })
  })

  test('is for the last turn only, and only for a reply to that message', async () => {
    const { start: first } = await takeTurn(db)
    const second = again(first, { messageId: crypto.randomUUID() })
    await takeTurn(db, second)
    expect(await beginTurn(db, again(first, { regenerate: first.replyId }))).toEqual({
      verdict: 'not_last',
    })
    for (const regenerate of [first.replyId, crypto.randomUUID(), second.messageId])
      expect(await beginTurn(db, again(second, { regenerate }))).toEqual({ verdict: 'mismatch' })
  })

  test('in a session that is not there makes none', async () => {
    const start = turnStart({ regenerate: crypto.randomUUID() })
    expect(await beginTurn(db, start)).toEqual({ verdict: 'not_found' })
  })

  test('sends the model the turns before, not the superseded reply', async () => {
    const { start: first } = await takeTurn(db, { content: 'One' }, { content: 'Re one' })
    const second = again(first, { messageId: crypto.randomUUID(), content: 'Two' })
    await takeTurn(db, second, { content: 'Re two' })
    const begun = await beginTurn(db, again(second, { regenerate: second.replyId }))
    expect(windowOf(begun)).toMatchObject([{ message: 'One', reply: 'Re one' }])
  })
})
