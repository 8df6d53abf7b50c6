import { describe, expect, test, vi } from 'vitest'
import type { Message } from '../../src/protocol.ts'
import { beginAndLeave, type Leaving } from '../rigs/leaving-client.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig()

const words = 40
/** Some 0.8 s of reply. */
const message = `[[fault pace ms=20]] write ${words} words`
const accept = { accept: 'text/event-stream' }
const ways: Leaving[] = ['close', 'reset']

async function newSession(): Promise<string> {
  return (await visitor.expect(201, 'POST', '/v1/sessions', {})).id
}

/** The reply, once it has ended. */
async function endedReply(sessionId: string): Promise<Message> {
  return vi.waitUntil(
    async () => {
      const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${sessionId}/messages`)
      const reply: Message | undefined = data[1]
      return reply !== undefined && reply.status !== 'streaming' && reply
    },
    { timeout: 20_000, interval: 100 },
  )
}

async function expectWholeReply(sessionId: string) {
  const reply = await endedReply(sessionId)
  expect(reply).toMatchObject({ status: 'complete', finish_reason: 'stop' })
  expect(reply.content.split(/\s+/)).toHaveLength(words)
  expect(rig.model.requests).toMatchObject([{ deltasSent: words }])
  return reply
}

describe.each(ways)('a visitor who leaves (%s)', (how) => {
  test('in the middle of a stream does not end the reply, which is stored whole', async () => {
    const session_id = await newSession()
    const turn = { session_id, message, message_id: crypto.randomUUID() }
    const client = beginAndLeave(rig.url, visitor, turn, accept)
    await vi.waitUntil(() => client.text().includes('event: delta'), { timeout: 10_000 })
    client.leave(how)
    const reply = await expectWholeReply(session_id)
    expect(client.text()).not.toContain('turn.completed')
    expect(await visitor.chat(turn)).toMatchObject({ replayed: true, reply })
  })

  test('while a JSON turn runs does not end the reply, which is stored whole', async () => {
    const session_id = await newSession()
    const client = beginAndLeave(rig.url, visitor, { session_id, message })
    await vi.waitUntil(() => (rig.model.requests[0]?.deltasSent ?? 0) > 3, { timeout: 10_000 })
    client.leave(how)
    await expectWholeReply(session_id)
    expect(client.text()).toBe('')
  })
})

test('a retry while the reply is running is a 409 with Retry-After, and calls no model', async () => {
  const session_id = await newSession()
  const turn = { session_id, message, message_id: crypto.randomUUID() }
  const client = beginAndLeave(rig.url, visitor, turn, accept)
  await vi.waitUntil(() => client.text().includes('event: delta'), { timeout: 10_000 })
  client.leave('reset')
  const running = await visitor.request('POST', '/v1/chat', turn)
  expect(await running.json()).toMatchObject({ status: 409, code: 'turn_running' })
  expect(Number(running.headers.get('retry-after'))).toBeGreaterThan(0)
  await expectWholeReply(session_id)
  expect(
    (await visitor.expect(200, 'GET', `/v1/sessions/${session_id}/messages`)).data,
  ).toHaveLength(2)
})
