import { expect, test, vi } from 'vitest'
import { parseEvents } from '../rigs/client.ts'
import { expireLease, testDatabase } from '../rigs/conversation.ts'
import { useRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()
const { rig, visitor } = useRig()

/** Some 40 s of reply: more than a Worker needs to learn that its turn is not its own any more. */
const words = 400
const message = `[[fault pace ms=100]] write ${words} words`

/** Begins a streamed turn. @returns once the model has begun to answer it */
async function beginLongTurn() {
  const { id: sessionId } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const headers = { accept: 'text/event-stream' }
  const body = { session_id: sessionId, message }
  const response = await visitor.request('POST', '/v1/chat', body, headers)
  const call = () => rig.model.requests.find(({ messages }) => messages.at(-1)?.content === message)
  await vi.waitUntil(() => (call()?.deltasSent ?? 0) > 0, 10_000)
  return { sessionId, call, events: async () => parseEvents(await response.text()) }
}

test('a turn that lost its lease ends its call to the model and changes nothing', async () => {
  const { sessionId, call, events } = await beginLongTurn()
  await expireLease(db, { sessionId })
  const next = await visitor.chat({ session_id: sessionId, message: 'Next' })
  expect(next.reply.status).toBe('complete')
  const stored = await storedMessages(db, sessionId)

  expect((await events()).at(-1)).toMatchObject({
    event: 'turn.failed',
    data: { code: 'not_saved' },
  })
  await vi.waitFor(() => expect(call()).toMatchObject({ aborted: true }), 10_000)
  expect(call()?.deltasSent).toBeLessThan(words)
  expect(await storedMessages(db, sessionId)).toEqual(stored)
})

test('a turn whose session was erased ends its call to the model', async () => {
  const { sessionId, call, events } = await beginLongTurn()
  await visitor.expect(204, 'DELETE', `/v1/sessions/${sessionId}`)
  const last = (await events()).at(-1)
  expect(last).toMatchObject({ event: 'turn.failed', data: { code: 'session_deleted' } })
  await vi.waitFor(() => expect(call()).toMatchObject({ aborted: true }), 10_000)
  expect(call()?.deltasSent).toBeLessThan(words)
})
