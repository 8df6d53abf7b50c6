import { expect, test, vi } from 'vitest'
import { newVisitor, parseEvents } from '../rigs/client.ts'
import { expireLease, testDatabase } from '../rigs/conversation.ts'
import { useRig } from '../rigs/start-rig.ts'

const db = testDatabase()
const { rig, visitor } = useRig()

/** A turn in a session of its own, whose completions go wrong in this way. */
async function newTurn(faults: string) {
  const { id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const message = `${faults} write 45 words`
  const turn = { session_id: id as string, message, message_id: crypto.randomUUID() }
  return { turn, path: `/v1/sessions/${id}` }
}

test('a retry of a reply that was stopped without text is not stopped again', async () => {
  const { turn, path } = await newTurn('[[fault silent times=1]] [[fault pace ms=60]]')
  const running = visitor.request('POST', '/v1/chat', turn)
  await vi.waitUntil(() => rig.model.requests.length === 1, 10_000)
  expect(await visitor.expect(200, 'POST', `${path}/stop`)).toEqual({ stopped: true })
  expect(await (await running).json()).toMatchObject({ code: 'stopped', retryable: true })

  // It takes more than 2 s, so that a checkpoint would learn of a stop.
  const { reply } = await visitor.chat(turn)
  expect(reply).toMatchObject({ status: 'complete', finish_reason: 'stop' })
  expect(reply.content.split(' ')).toHaveLength(45)
})

test('a retry of a reply that ended without text does not keep its finish_reason', async () => {
  const { turn, path } = await newTurn('[[fault empty times=1]] [[fault pace ms=110 times=2]]')
  const { code } = await visitor.expect(502, 'POST', '/v1/chat', turn)
  expect(code).toBe('model_empty_reply')

  const retried = visitor.request('POST', '/v1/chat', turn)
  const replyOf = async () => (await visitor.expect(200, 'GET', `${path}/messages`)).data[1]
  await vi.waitUntil(async () => (await replyOf()).content !== '', 10_000)
  await expireLease(db, { sessionId: turn.session_id })
  const cutOff = await replyOf()
  expect(cutOff).toMatchObject({ status: 'interrupted' })
  expect(cutOff).not.toHaveProperty('finish_reason')
  await visitor.chat({ ...turn, regenerate: cutOff.id })
  await retried
  const joined = await visitor.request('GET', `${path}/messages/${cutOff.id}/stream`)
  expect(parseEvents(await joined.text()).at(-1)).toMatchObject({
    event: 'turn.failed',
    data: { reply: { status: 'superseded', content: cutOff.content } },
  })
})

test("a stranger's turn does not settle a reply whose lease has expired", async () => {
  const { id: session_id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const running = visitor.chat({ session_id, message: '[[fault pace ms=50]] write 40 words' })
  await vi.waitUntil(() => (rig.model.requests[0]?.deltasSent ?? 0) > 0, 10_000)
  await expireLease(db, { sessionId: session_id })
  const stranger = await newVisitor(rig.url)
  await stranger.expect(404, 'POST', '/v1/chat', { session_id, message: 'Mine' })
  expect(rig.model.requests[0]?.deltasSent).toBeLessThan(40)
  expect((await running).reply).toMatchObject({ seq: 2, status: 'complete' })
})
