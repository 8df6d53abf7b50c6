import { beforeEach, describe, expect, test, vi } from 'vitest'
import { newVisitor, parseEvents } from '../../rigs/client.ts'
import { beginAndLeave, type Leaving } from '../../rigs/leaving-client.ts'
import { useRig } from '../../rigs/start-rig.ts'
import { turnCall } from '../../rigs/turn-call.ts'

const { rig, visitor } = useRig()

/** No checkpoint is answered, so no turn learns of a stop from its row. */
beforeEach(() => {
  rig.database.fault = (call) => (turnCall(call) === 'checkpoint' ? 'silent before' : undefined)
})

const words = 400

/** Begins a streamed turn of some 20 s. @returns once its first word has come */
async function begin() {
  const { id: sessionId } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const message = `[[fault pace ms=50 id=${sessionId}]] write ${words} words`
  const turn = { session_id: sessionId, message }
  const client = beginAndLeave(rig.url, visitor, turn, { accept: 'text/event-stream' })
  await vi.waitUntil(() => client.text().includes('event: delta'), 10_000)
  const path = `/v1/sessions/${sessionId}`
  return {
    client,
    path,
    sessionId,
    call: () => rig.model.requests.find(({ messages }) => messages.at(-1)?.content === message),
    reply: async () => (await visitor.expect(200, 'GET', `${path}/messages`)).data[1],
  }
}

describe('a stop from another client', () => {
  test('ends the call to the model at once, and is answered once the reply is stored', async () => {
    const { client, path, call, reply } = await begin()
    expect(await visitor.expect(200, 'POST', `${path}/stop`)).toMatchObject({ stopped: true })
    expect(await reply()).toMatchObject({ status: 'interrupted' })
    await vi.waitUntil(() => client.text().includes('event: turn.failed'), 10_000)
    const last = parseEvents(client.text()).at(-1)
    expect(last).toMatchObject({ data: { code: 'stopped', reply: await reply() } })
    await vi.waitFor(() => expect(call()).toMatchObject({ aborted: true }), 10_000)
    expect(call()?.deltasSent).toBeLessThan(words)
  })

  test('reaches a reply that nobody watches', async () => {
    const { client, path, call, reply } = await begin()
    client.leave('reset')
    expect(await visitor.expect(200, 'POST', `${path}/stop`)).toMatchObject({ stopped: true })
    expect(await reply()).toMatchObject({ status: 'interrupted' })
    await vi.waitFor(() => expect(call()).toMatchObject({ aborted: true }), 10_000)
  })

  test('by a stranger is a 404, and the reply goes on', async () => {
    const { client, path, call } = await begin()
    const stranger = await newVisitor(rig.url)
    await stranger.expect(404, 'POST', `${path}/stop`)
    const before = call()?.deltasSent ?? 0
    await vi.waitUntil(() => (call()?.deltasSent ?? 0) > before + 2, 10_000)
    expect(call()?.aborted).toBe(false)
    await visitor.expect(200, 'POST', `${path}/stop`)
    client.leave('reset')
  })
})

describe('a new message in the session of a running reply', () => {
  test.each<Leaving>(['close', 'reset'])(
    'ends a reply that nobody watches (its visitor left by %s), and runs',
    async (how) => {
      const { client, sessionId, call } = await begin()
      client.leave(how)
      const next = { session_id: sessionId, message: 'Next' }
      // The object learns of the disconnect a moment later.
      const history = await vi.waitUntil(
        async () => {
          const response = await visitor.request('POST', '/v1/chat', next)
          const body = await response.json()
          return response.status === 200 && body.history
        },
        { timeout: 10_000, interval: 50 },
      )
      expect(history).toMatchObject([
        {},
        { status: 'interrupted', content: expect.stringMatching(/./) },
        { content: 'Next' },
        { status: 'complete' },
      ])
      await vi.waitFor(() => expect(call()).toMatchObject({ aborted: true }), 10_000)
      expect(rig.model.requests).toHaveLength(2)
    },
  )

  test('is a 409 while somebody watches: its own visitor, or one who joined', async () => {
    const { client, path, sessionId, call } = await begin()
    const next = { session_id: sessionId, message: 'Next' }
    const isBusy = async () =>
      expect((await visitor.expect(409, 'POST', '/v1/chat', next)).code).toBe('session_busy')
    await isBusy()
    const joined = await visitor.request('GET', `${path}/stream`)
    expect(joined.status).toBe(200)
    const reader = (joined.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    client.leave('reset')
    for (let tries = 0; tries < 5; tries += 1) await isBusy()
    expect(call()?.aborted).toBe(false)
    await reader.cancel()
    await visitor.expect(200, 'POST', `${path}/stop`)
    expect(rig.model.requests).toHaveLength(1)
  })
})
