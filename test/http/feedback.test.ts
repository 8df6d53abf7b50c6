import { describe, expect, test, vi } from 'vitest'
import type { Message } from '../../src/protocol.ts'
import { newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { fieldsOf, problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()
const { rig, visitor } = useRig()

const feedbackPath = (sessionId: string, messageId: string) =>
  `/v1/sessions/${sessionId}/messages/${messageId}/feedback`

async function newReply(turn: Record<string, unknown> = {}) {
  const { session_id, reply } = await visitor.chat({ message: 'Hello', ...turn })
  return { sessionId: session_id, reply, path: feedbackPath(session_id, reply.id) }
}

async function messagesOf(sessionId: string, query = ''): Promise<Message[]> {
  const page = await visitor.expect(200, 'GET', `/v1/sessions/${sessionId}/messages${query}`)
  return page.data
}

describe('feedback', () => {
  test('on a reply is shown with it from then on, and changes nothing else', async () => {
    const { sessionId, reply, path } = await newReply()
    expect(reply).not.toHaveProperty('feedback')
    const feedback = { rating: 'down', comment: 'Wrong door: 🚪' }
    const rated = await visitor.expect(200, 'PUT', path, feedback)
    expect(rated).toEqual({ ...reply, feedback })
    expect((await messagesOf(sessionId)).at(-1)).toEqual(rated)
    const { history } = await visitor.chat({ message: 'Next', session_id: sessionId })
    expect(history[1]).toEqual(rated)
  })

  test('replaces earlier feedback, including the comment', async () => {
    const { reply, path } = await newReply()
    await visitor.expect(200, 'PUT', path, { rating: 'down', comment: 'No' })
    const rated = await visitor.expect(200, 'PUT', path, { rating: 'up' })
    expect(rated).toEqual({ ...reply, feedback: { rating: 'up' } })
  })

  test('is removed by a rating of null, even if repeated', async () => {
    const { sessionId, reply, path } = await newReply()
    await visitor.expect(200, 'PUT', path, { rating: 'up', comment: 'Yes' })
    const takeBack = () => visitor.expect(200, 'PUT', path, { rating: null })
    expect([await takeBack(), await takeBack()]).toEqual([reply, reply])
    const [, row] = await storedMessages(db, sessionId)
    expect(row).toMatchObject({ rating: null, rating_comment: null })
  })

  test('costs one call to the database and none to the model', async () => {
    const { path } = await newReply()
    rig.clear()
    await visitor.expect(200, 'PUT', path, { rating: 'up' })
    expect(rig.timeline).toEqual(['database'])
  })

  test('on a superseded reply stays with it, and the new reply has none', async () => {
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const { sessionId, reply, path } = await newReply(turn)
    await visitor.expect(200, 'PUT', path, { rating: 'down' })
    const regenerate = { ...turn, session_id: sessionId, regenerate: reply.id }
    expect((await visitor.chat(regenerate)).reply).not.toHaveProperty('feedback')
    const superseded = await visitor.expect(200, 'PUT', path, {
      rating: 'up',
      comment: 'After all',
    })
    expect(superseded).toMatchObject({ status: 'superseded', feedback: { comment: 'After all' } })
    const all = await messagesOf(sessionId, '?superseded=true')
    expect(all.map(({ feedback }) => feedback?.rating)).toEqual([undefined, 'up', undefined])
  })

  test('on a running reply is kept when the turn is stored', async () => {
    const session = await visitor.expect(201, 'POST', '/v1/sessions', {})
    const turn = { session_id: session.id, message: '[[fault pace ms=50]] write 400 words' }
    const running = visitor.chat(turn)
    const streaming = await vi.waitUntil(
      async () => (await messagesOf(session.id)).find(({ status }) => status === 'streaming'),
      10_000,
    )
    const path = feedbackPath(session.id, streaming.id)
    const feedback = { rating: 'up', comment: 'Enough' }
    const rated = await visitor.expect(200, 'PUT', path, feedback)
    expect(rated).toMatchObject({ status: 'streaming', feedback })
    await visitor.expect(200, 'POST', `/v1/sessions/${session.id}/stop`)
    const { reply } = await running
    expect(reply).toMatchObject({ id: streaming.id, status: 'interrupted', feedback })
  })

  test('on a failed reply is removed when the turn runs again', async () => {
    const session = await visitor.expect(201, 'POST', '/v1/sessions', {})
    const message = '[[fault status=500 times=1]] Hello'
    const turn = { session_id: session.id, message, message_id: crypto.randomUUID() }
    await visitor.expect(502, 'POST', '/v1/chat', turn)
    const [, failed] = await messagesOf(session.id)
    const path = feedbackPath(session.id, failed?.id ?? '')
    const feedback = { rating: 'down', comment: 'Nothing came' }
    expect(await visitor.expect(200, 'PUT', path, feedback)).toMatchObject({
      status: 'failed',
      feedback,
    })
    const { reply } = await visitor.chat(turn)
    expect(reply).toMatchObject({ id: failed?.id, status: 'complete' })
    expect(reply).not.toHaveProperty('feedback')
  })
})

describe('there is nothing to rate', () => {
  test("in a user's message, in another session, or under an invalid id", async () => {
    const { sessionId, reply } = await newReply()
    const [message] = await messagesOf(sessionId)
    const other = await newReply()
    for (const [session, id] of [
      [sessionId, message?.id ?? ''],
      [sessionId, crypto.randomUUID()],
      [sessionId, 'x'],
      [other.sessionId, reply.id],
    ] as const) {
      const response = await visitor.request('PUT', feedbackPath(session, id), { rating: 'up' })
      expect((await problemOf(response)).code).toBe('not_found')
    }
    expect(await messagesOf(sessionId)).toEqual([message, reply])
  })

  test("in another user's reply", async () => {
    const { sessionId, reply, path } = await newReply()
    const stranger = await newVisitor(rig.url)
    await stranger.expect(404, 'PUT', path, { rating: 'down' })
    expect((await messagesOf(sessionId)).at(-1)).toEqual(reply)
  })
})

describe('a body that is not feedback is a 400 that names the field', () => {
  test.each<[string, unknown]>([
    ['rating', {}],
    ['rating', { comment: 'No' }],
    ['rating', { rating: 'sideways' }],
    ['rating', { rating: 1 }],
    ['rating', { rating: ['up'] }],
    ['rating', { rating: { $ne: 'up' } }],
    ['comment', { rating: null, comment: 'No' }],
    ['comment', { rating: 'up', comment: null }],
    ['comment', { rating: 'up', comment: ' ' }],
    ['comment', { rating: 'up', comment: 'NUL \0' }],
    ['comment', { rating: 'up', comment: 'x'.repeat(1_001) }],
    ['user_id', { rating: 'up', user_id: 'user:1' }],
  ])('%s: %j', async (field, body) => {
    const path = feedbackPath(crypto.randomUUID(), crypto.randomUUID())
    const problem = await problemOf(await visitor.request('PUT', path, body))
    expect([problem.status, fieldsOf(problem)]).toEqual([400, [field]])
    expect(rig.timeline).toEqual([])
  })
})
