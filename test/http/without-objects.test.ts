import { expect, test, vi } from 'vitest'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import { useRig } from '../rigs/start-rig.ts'
import { withoutObjects } from '../rigs/start-workerd.ts'
import { turnCall } from '../rigs/turn-call.ts'

const { rig, visitor } = useRig(withoutObjects)

test('a reply that its Worker writes keeps its session busy, also if nobody watches it', async () => {
  const { id: session_id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const turn = { session_id, message: '[[fault pace ms=20]] write 50 words' }
  const client = beginAndLeave(rig.url, visitor, turn, { accept: 'text/event-stream' })
  await vi.waitUntil(() => client.text().includes('event: delta'), 10_000)
  client.leave('reset')
  const next = { session_id, message: 'Next' }
  expect((await visitor.expect(409, 'POST', '/v1/chat', next)).code).toBe('session_busy')
  expect(rig.model.requests).toHaveLength(1)
})

test('a Worker that writes the reply itself looks for a stop as soon as its client disconnects', async () => {
  const { id: session_id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const turn = { session_id, message: '[[fault pace ms=20]] write 50 words' }
  const client = beginAndLeave(rig.url, visitor, turn, { accept: 'text/event-stream' })
  await vi.waitUntil(() => client.text().includes('event: delta'), 10_000)
  client.leave('reset')
  await vi.waitFor(async () => {
    const path = `/v1/sessions/${session_id}/messages`
    expect((await visitor.expect(200, 'GET', path)).data[1].status).toBe('complete')
  }, 10_000)
  // A reply of one second has no other checkpoint.
  const checkpoints = rig.database.calls.filter((call) => turnCall(call) === 'checkpoint')
  expect(checkpoints).toHaveLength(1)
})
