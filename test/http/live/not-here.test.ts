import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { type LiveMessage, writeLiveMessage } from '../../../src/http/live/live-message.ts'
import { createClient, parseEvents } from '../../rigs/client.ts'
import { beginAndLeave } from '../../rigs/leaving-client.ts'
import { useRig } from '../../rigs/start-rig.ts'
import { startWorkerd, type Workerd } from '../../rigs/start-workerd.ts'
import { visitorIdOf } from '../../rigs/visitor-id.ts'

const { rig, visitor } = useRig({}, { probe: true })

/** Everything but a new turn. */
function messages(): LiveMessage[] {
  const userId = visitorIdOf(visitor.token ?? '')
  const rendering = { protocol: 'native', requestId: 'test', opening: '' } as const
  return [
    { kind: 'join', userId, sessionId: crypto.randomUUID(), from: 0, rendering },
    { kind: 'stop', lease: crypto.randomUUID() },
    { kind: 'end_unwatched' },
    { kind: 'moved', userId: 'user:other' },
    { kind: 'erased' },
  ]
}

/** Begins a streamed turn of some seconds. @returns once its first word has come */
async function begin(words = 60) {
  const { id: sessionId } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const turn = { session_id: sessionId, message: `[[fault pace ms=50]] write ${words} words` }
  const client = beginAndLeave(rig.url, visitor, turn, { accept: 'text/event-stream' })
  await vi.waitUntil(() => client.text().includes('event: delta'), 10_000)
  const replyId: string = parseEvents(client.text().split('\n\n')[0] ?? '')[0]?.data.reply_id
  const path = `/v1/sessions/${sessionId}`
  const reply = async () => (await visitor.expect(200, 'GET', `${path}/messages`)).data[1]
  const ended = () =>
    vi.waitUntil(
      async () => {
        const now = await reply()
        return now.status !== 'streaming' && now
      },
      { timeout: 20_000, interval: 100 },
    )
  return { client, path, replyId, reply, ended }
}

describe('an object that does not hold the reply', () => {
  test('answers 404 to everything but a turn, and starts nothing', async () => {
    for (const message of messages()) {
      const { status } = await rig.worker.askObject(crypto.randomUUID(), writeLiveMessage(message))
      expect([message.kind, status]).toEqual([message.kind, 404])
    }
    expect(rig.timeline).toEqual([])
  })

  test('is also the one that has written the reply, once it has ended', async () => {
    const { reply } = await visitor.chat({ message: 'Hello' })
    rig.clear()
    for (const message of messages()) {
      const { status } = await rig.worker.askObject(reply.id, writeLiveMessage(message))
      expect([message.kind, status]).toEqual([message.kind, 404])
    }
    expect(rig.timeline).toEqual([])
  })
})

test('an object answers 404 to a message of another version, and its reply goes on', async () => {
  const { replyId, ended } = await begin()
  const all = [...messages(), { kind: 'run', turn: {}, requestId: '', historyLimit: 0, from: 0 }]
  for (const message of all)
    for (const version of [0, 2, '1', undefined]) {
      const text = JSON.stringify({ ...message, version })
      expect((await rig.worker.askObject(replyId, text)).status).toBe(404)
    }
  expect(await ended()).toMatchObject({ status: 'complete' })
  expect(rig.model.requests).toHaveLength(1)
})

test("an object shows its reply to nobody but the session's user", async () => {
  const { replyId, ended } = await begin(20)
  const [join] = messages()
  const foreign = { ...join, userId: 'visitor:another' } as LiveMessage
  expect((await rig.worker.askObject(replyId, writeLiveMessage(foreign))).status).toBe(404)
  await ended()
})

describe('a second object of the same name, in another place', () => {
  /** It has objects of its own: to its Worker, no reply of the first one is here. */
  let elsewhere: Workerd
  const visitorElsewhere = createClient(() => elsewhere.url)
  beforeAll(async () => {
    elsewhere = await startWorkerd({
      DATABASE_URL: inject('database').connectionString,
      NEON_HTTP_ENDPOINT: rig.database.url,
      OPENAI_BASE_URL: rig.model.baseUrl,
    })
    visitorElsewhere.token = visitor.token
  })
  afterAll(() => elsewhere.close())

  test('lets a join go on from the database, to the end of the reply', async () => {
    const { path, replyId, ended } = await begin()
    const joined = await visitorElsewhere.request('GET', `${path}/messages/${replyId}/stream`)
    const events = parseEvents(await joined.text())
    const reply = await ended()
    expect(reply.status).toBe('complete')
    expect(events.map(({ data }) => data.text ?? '').join('')).toBe(reply.content)
    expect(events.at(-1)).toMatchObject({ event: 'turn.completed', data: { reply } })
    expect(rig.model.requests).toHaveLength(1)
  })

  test('lets a stop reach the reply through its row', async () => {
    const { client, path, ended } = await begin(400)
    expect(await visitorElsewhere.expect(200, 'POST', `${path}/stop`)).toMatchObject({
      stopped: true,
    })
    expect(await ended()).toMatchObject({ status: 'interrupted' })
    await vi.waitUntil(() => client.text().includes('"stopped"'), 10_000)
    expect(rig.model.requests).toHaveLength(1)
  })

  test('ends no reply that nobody watches: a new message is a 409', async () => {
    const { client, path, ended } = await begin()
    client.leave('reset')
    const next = { session_id: path.split('/').at(-1), message: 'Next' }
    expect((await visitorElsewhere.expect(409, 'POST', '/v1/chat', next)).code).toBe('session_busy')
    expect(await ended()).toMatchObject({ status: 'complete' })
    expect(rig.model.requests).toHaveLength(1)
  })
})
