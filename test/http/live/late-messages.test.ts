import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { writeLiveMessage } from '../../../src/http/live/live-message.ts'
import { type Client, createClient, newVisitor, parseEvents } from '../../rigs/client.ts'
import { faultyObjects } from '../../rigs/faulty-objects.ts'
import { beginAndLeave } from '../../rigs/leaving-client.ts'
import { type Login, startLogin } from '../../rigs/login.ts'
import { startRig, useRig } from '../../rigs/start-rig.ts'
import { turnCall } from '../../rigs/turn-call.ts'

/** The first turn that an object is sent waits there until the object gets `let_go`. */
const holding = faultyObjects(`
    if (message.kind === 'run' && !this.isHeld) {
      this.isHeld = true
      await new Promise((resolve) => (this.letGo = resolve))
    }
    if (message.kind === 'let_go') {
      this.letGo()
      return new Response()
    }
    return pass()`)

const long = '[[fault pace ms=50]] write 400 words'

/** A streamed turn whose message is stored, and which is on its way to its object. */
async function heldTurn(
  rig: { url: string; worker: { askObject(id: string, message: string): Promise<Response> } },
  visitor: Client,
  { message = long, message_id = randomUUID() } = {},
) {
  const { id: session_id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const turn = { session_id, message, message_id }
  const client = beginAndLeave(rig.url, visitor, turn, { accept: 'text/event-stream' })
  const path = `/v1/sessions/${session_id}`
  const reply = async () => (await visitor.expect(200, 'GET', `${path}/messages`)).data[1]
  const { id: replyId } = await vi.waitUntil(reply, { timeout: 10_000, interval: 20 })
  return {
    turn,
    client,
    path,
    replyId: replyId as string,
    reply,
    letGo: () => rig.worker.askObject(replyId, JSON.stringify({ kind: 'let_go' })),
    last: () =>
      vi.waitUntil(
        () => client.text().includes('event: turn.failed') && parseEvents(client.text()).at(-1),
        20_000,
      ),
  }
}

async function statusOfJoin(client: Client, path: string): Promise<number> {
  const joined = await client.request('GET', path)
  await joined.body?.cancel()
  return joined.status
}

describe('while a turn is on its way to its object', () => {
  let login: Login
  const { rig, visitor } = useRig(
    async () => {
      login = await startLogin()
      return login.vars
    },
    { objects: holding, probe: true },
  )
  afterAll(() => login.close())

  test('a stop reaches it: no model is called', async () => {
    const { client, path, letGo, last, reply } = await heldTurn(rig, visitor)
    expect(await visitor.expect(200, 'POST', `${path}/stop`)).toEqual({ stopped: true })
    await letGo()
    expect((await last()).data).toMatchObject({ code: 'stopped' })
    expect(await reply()).toMatchObject({ status: 'failed' })
    expect(rig.model.requests).toEqual([])
    client.leave('reset')
  })

  test('an erasure reaches it: no model is called', async () => {
    const { client, path, letGo, last } = await heldTurn(rig, visitor)
    await visitor.expect(204, 'DELETE', path)
    await letGo()
    expect((await last()).data).toMatchObject({ code: 'session_deleted' })
    expect(rig.model.requests).toEqual([])
    client.leave('reset')
  })

  test('a claim reaches it: only the new user can join it', async () => {
    const mover = await newVisitor(rig.url)
    const user = createClient(rig.url, await login.sign())
    const { client, path, replyId, letGo } = await heldTurn(rig, mover)
    await user.expect(200, 'POST', '/v1/sessions/claim', { visitor_token: mover.token })
    await letGo()
    await vi.waitUntil(() => client.text().includes('event: delta'), 10_000)
    const stream = `${path}/messages/${replyId}/stream`
    expect(await statusOfJoin(mover, stream)).toBe(404)
    expect(await statusOfJoin(user, stream)).toBe(200)
    await user.expect(200, 'POST', `${path}/stop`)
    client.leave('reset')
  })
})

test('a turn that arrives after its Worker gave up on it never runs, and ends no other', async () => {
  const rig = await startRig(
    { TURN_LEASE_MS: '7000', MODEL_TIMEOUT_MS: '30000' },
    { objects: holding, probe: true },
  )
  try {
    const visitor = await newVisitor(rig.url)
    const held = await heldTurn(rig, visitor, { message: '[[fault pace ms=20]] write 100 words' })
    expect((await held.last()).data).toMatchObject({ code: 'interrupted' })
    const again = visitor.chat(held.turn)
    await vi.waitUntil(() => (rig.model.requests[0]?.deltasSent ?? 0) > 5, 10_000)
    await held.letGo()
    expect((await again).reply).toMatchObject({ id: held.replyId, status: 'complete' })
    expect(rig.model.requests).toHaveLength(1)
  } finally {
    await rig.close()
  }
})

describe('a running reply', () => {
  const { rig, visitor } = useRig({}, { probe: true })

  async function begin() {
    const { id: session_id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
    const turn = { session_id, message: long }
    const client = beginAndLeave(rig.url, visitor, turn, { accept: 'text/event-stream' })
    await vi.waitUntil(() => client.text().includes('event: delta'), 10_000)
    const replyId: string = parseEvents(client.text().split('\n\n')[0] ?? '')[0]?.data.reply_id
    return { client, sessionId: session_id as string, replyId }
  }

  test.runIf(process.env['TEST_LIVE_REPLIES'] !== 'off')(
    'is not ended by a stop of an earlier turn, and by no message that is late',
    async () => {
      const { client, sessionId, replyId } = await begin()
      const stop = { kind: 'stop', lease: randomUUID() } as const
      expect((await rig.worker.askObject(replyId, writeLiveMessage(stop))).status).toBe(404)
      client.leave('reset')
      const late = { kind: 'end_unwatched', version: 1, sentAtMs: Date.now() - 6_000 }
      expect((await rig.worker.askObject(replyId, JSON.stringify(late))).status).toBe(404)
      const [call] = rig.model.requests
      const before = call?.deltasSent ?? 0
      await vi.waitUntil(() => (call?.deltasSent ?? 0) > before + 2, 10_000)
      await visitor.expect(200, 'POST', `/v1/sessions/${sessionId}/stop`)
    },
  )

  test('is not found under the path of another session', async () => {
    const { client, sessionId, replyId } = await begin()
    const { session_id: other } = await visitor.chat({ message: 'Hello' })
    const join = (id: string) =>
      statusOfJoin(visitor, `/v1/sessions/${id}/messages/${replyId}/stream`)
    expect(await join(sessionId)).toBe(200)
    expect(await join(other)).toBe(404)
    expect(await join(randomUUID())).toBe(404)
    await visitor.expect(200, 'POST', `/v1/sessions/${sessionId}/stop`)
    client.leave('reset')
  })

  test.runIf(process.env['TEST_LIVE_REPLIES'] !== 'off')(
    'that was told to stop is waited for by the next message, also while somebody watches',
    async () => {
      const { client, sessionId } = await begin()
      const finished = Promise.withResolvers<undefined>()
      let finishes = 0
      rig.database.fault = (call) => {
        if (turnCall(call) !== 'finish') return undefined
        finishes += 1
        return finished.promise
      }
      const stopping = visitor.expect(200, 'POST', `/v1/sessions/${sessionId}/stop`)
      await vi.waitUntil(() => finishes === 1, 10_000)
      const next = visitor.chat({ session_id: sessionId, message: 'Next' })
      const begins = () => rig.database.calls.filter((call) => turnCall(call) === 'begin').length
      await vi.waitUntil(() => begins() === 2, 10_000)
      finished.resolve(undefined)
      expect(await stopping).toEqual({ stopped: true })
      expect((await next).history).toHaveLength(4)
      client.leave('reset')
    },
  )
})

test('a new visitor keeps token and session if the object is lost and the database fails', async () => {
  const throwing = faultyObjects(`const answer = await pass()
    if (message.kind === 'run') throw new Error('broken')
    return answer`)
  const rig = await startRig({}, { objects: throwing })
  try {
    rig.database.fault = (call) => (turnCall(call) === undefined ? 'server error' : undefined)
    const turn = { message: 'Hello', message_id: randomUUID() }
    const nobody = createClient(rig.url)
    const answer = await nobody.expect(409, 'POST', '/v1/chat', turn)
    expect(answer).toMatchObject({
      code: 'turn_running',
      session_id: expect.any(String),
      visitor_token: expect.stringMatching(/^vst_/),
      message_id: turn.message_id,
      retryable: true,
    })
    const headers = { accept: 'text/event-stream' }
    const stream = await nobody.request('POST', '/v1/chat', turn, headers)
    const events = parseEvents(await stream.text())
    expect(events).toMatchObject([
      { event: 'turn.started', data: { reply_id: expect.any(String) } },
    ])
    expect(events[0]?.data.visitor_token).toMatch(/^vst_/)
  } finally {
    await rig.close()
  }
})
