import { expect, test, vi } from 'vitest'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig({ MODEL_IDLE_TIMEOUT_MS: '300' })

test('a stop ends the call to the model, so that no more of it is paid for', async () => {
  const turn = { message: '[[fault pace ms=50]] write 400 words', message_id: crypto.randomUUID() }
  const running = visitor.chat(turn)
  const { data: sessions } = await vi.waitUntil(async () => {
    const page = await visitor.expect(200, 'GET', '/v1/sessions')
    return page.data.length > 0 && page
  }, 10_000)
  await visitor.expect(200, 'POST', `/v1/sessions/${sessions[0].id}/stop`)
  expect(await running).toMatchObject({ reply: { status: 'interrupted' } })
  await vi.waitFor(() => expect(rig.model.requests.at(-1)).toMatchObject({ aborted: true }), 10_000)
  expect(rig.model.requests.at(-1)?.deltasSent).toBeLessThan(400)
})

test('a deadline ends the call to the model', async () => {
  const { reply } = await visitor.chat({ message: '[[fault stall after=3]] Hello' })
  expect(reply.status).toBe('interrupted')
  await vi.waitFor(() => expect(rig.model.requests.at(-1)).toMatchObject({ aborted: true }), 10_000)
})
