import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { newVisitor } from '../rigs/client.ts'
import { startWorkerd, type Workerd } from '../rigs/start-workerd.ts'

let model: OfflineModel
let worker: Workerd
beforeAll(async () => {
  const { connectionString, endpoint } = inject('database')
  model = await startOfflineModel()
  worker = await startWorkerd({
    DATABASE_URL: connectionString,
    NEON_HTTP_ENDPOINT: endpoint,
    OPENAI_BASE_URL: model.baseUrl,
    MODEL_IDLE_TIMEOUT_MS: '300',
  })
})
afterAll(async () => {
  await worker.close()
  await model.close()
})

test('a stop ends the call to the model, so that no more of it is paid for', async () => {
  const visitor = await newVisitor(worker.url)
  const turn = { message: '[[fault pace ms=50]] write 400 words', message_id: crypto.randomUUID() }
  const running = visitor.chat(turn)
  const { data: sessions } = await vi.waitUntil(async () => {
    const page = await visitor.expect(200, 'GET', '/v1/sessions')
    return page.data.length > 0 && page
  }, 10_000)
  await visitor.expect(200, 'POST', `/v1/sessions/${sessions[0].id}/stop`)
  expect(await running).toMatchObject({ reply: { status: 'interrupted' } })
  await vi.waitFor(() => expect(model.requests.at(-1)).toMatchObject({ aborted: true }), 10_000)
  expect(model.requests.at(-1)?.deltasSent).toBeLessThan(400)
})

test('a deadline ends the call to the model', async () => {
  const visitor = await newVisitor(worker.url)
  const { reply } = await visitor.chat({ message: '[[fault stall after=3]] Hello' })
  expect(reply.status).toBe('interrupted')
  await vi.waitFor(() => expect(model.requests.at(-1)).toMatchObject({ aborted: true }), 10_000)
})
