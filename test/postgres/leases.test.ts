import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import type { Message } from '../../src/protocol.ts'
import { type Client, createClient, newVisitor, parseEvents } from '../rigs/client.ts'
import { expireLease, testDatabase } from '../rigs/conversation.ts'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { startWorkerdProcess, type WorkerdProcess } from '../rigs/workerd-process.ts'
import { expectSound, storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()
const workers = 5

let rig: Rig
let others: WorkerdProcess[]
/** The same visitor at several Workers. */
let visitors: Client[]
beforeAll(async () => {
  const { connectionString, endpoint } = inject('database')
  rig = await startRig()
  const settings = {
    DATABASE_URL: connectionString,
    NEON_HTTP_ENDPOINT: endpoint,
    OPENAI_BASE_URL: rig.model.baseUrl,
  }
  others = await Promise.all(Array.from({ length: workers }, () => startWorkerdProcess(settings)))
  const { token } = await newVisitor(rig.url)
  visitors = others.map(({ url }) => createClient(url, token))
})
afterAll(async () => {
  await Promise.all(others.map((worker) => worker.close()))
  await rig.close()
})

interface Turn {
  session_id: string
  message_id: string
  message: string
}

/** Asks every Worker, and returns their answer, which must be the same. */
async function fromAll<Answer>(ask: (visitor: Client) => Promise<Answer>): Promise<Answer> {
  const [first, ...rest] = await Promise.all(visitors.map(ask))
  for (const answer of rest) expect(answer).toEqual(first)
  return first as Answer
}

const history = ({ session_id }: Turn) =>
  fromAll(
    async (visitor): Promise<Message[]> =>
      (await visitor.expect(200, 'GET', `/v1/sessions/${session_id}/messages`)).data,
  )

const join = ({ session_id }: Turn, { id }: Message) =>
  fromAll(async (visitor) => {
    const path = `/v1/sessions/${session_id}/messages/${id}/stream`
    const events = parseEvents(await (await visitor.request('GET', path)).text())
    return events.map(({ event, data }) => [event, data.code, data.retryable, data.text])
  })

/** Asks all Workers at once. @returns the statuses, ascending */
async function statuses(body: (index: number) => object): Promise<number[]> {
  const answers = visitors.map(async (visitor, index) => {
    const response = await visitor.request('POST', '/v1/chat', body(index))
    await response.text()
    return response.status
  })
  return (await Promise.all(answers)).toSorted((a, b) => a - b)
}

const callsFor = ({ message }: Turn) =>
  rig.model.requests.filter(({ messages }) => messages.at(-1)?.content === message).length

/** Begins turns and kills their Worker: two have text that a checkpoint saved, two have none. */
async function beginAndKill(): Promise<{ withText: Turn[]; without: Turn[] }> {
  const begin = async (fault: string): Promise<Turn> => {
    const { id } = await (visitors[0] as Client).expect(201, 'POST', '/v1/sessions', {})
    const message_id = crypto.randomUUID()
    const turn = {
      session_id: id,
      message_id,
      message: `[[fault ${fault} times=1 id=${message_id}]] write 400 words`,
    }
    beginAndLeave(rig.url, visitors[0] as Client, turn, { accept: 'text/event-stream' })
    return turn
  }
  const times = <Item>(make: () => Promise<Item>) => Promise.all([make(), make()])
  const withText = await times(() => begin('pace ms=100'))
  const without = await times(() => begin('silent'))
  for (const { session_id } of withText)
    await vi.waitUntil(async () => (await storedMessages(db, session_id)).at(-1)?.content, 20_000)
  await vi.waitUntil(() => without.every((turn) => callsFor(turn) === 1), 20_000)
  await rig.worker.kill()
  return { withText, without }
}

const next = { message: 'And now?' }
const oneRuns = [200, ...Array(workers - 1).fill(409)]

describe('a reply whose Worker was killed', () => {
  let withText: Turn[]
  let without: Turn[]
  beforeAll(async () => {
    ;({ withText, without } = await beginAndKill())
  })

  test('is streaming to everybody, and its session busy, until its lease is over', async () => {
    for (const turn of [...withText, ...without]) {
      expect((await history(turn)).at(-1)?.status).toBe('streaming')
      expect(await statuses(() => turn)).toEqual(Array(workers).fill(409))
      expect(await statuses(() => ({ ...next, session_id: turn.session_id }))).toEqual(
        Array(workers).fill(409),
      )
      await expireLease(db, { sessionId: turn.session_id })
    }
  })

  test('is interrupted for every reader after that, or failed if it has no text', async () => {
    for (const turn of withText) {
      const reply = (await history(turn)).at(-1) as Message
      expect(reply).toMatchObject({ status: 'interrupted', content: expect.stringMatching(/./) })
      expect(await join(turn, reply)).toEqual([
        ['delta', undefined, undefined, reply.content],
        ['turn.failed', 'interrupted', false, undefined],
      ])
    }
    for (const turn of without) {
      const reply = (await history(turn)).at(-1) as Message
      expect(reply).toMatchObject({ status: 'failed', content: '' })
      expect(await join(turn, reply)).toEqual([['turn.failed', 'interrupted', true, undefined]])
    }
    for (const { session_id } of [...withText, ...without])
      expect((await storedMessages(db, session_id)).at(-1)?.status).toBe('streaming')
  })

  test('with text is replayed to every retry, and costs nothing', async () => {
    const [turn] = withText as [Turn]
    const reply = (await history(turn)).at(-1)
    const answer = await fromAll((visitor) => visitor.chat({ ...turn }))
    expect(answer).toMatchObject({ replayed: true, reply })
    expect(callsFor(turn)).toBe(1)
    await expectSound(db, turn.session_id)
  })

  test('without text runs again for one of five retries', async () => {
    const [turn] = without as [Turn]
    const { id } = (await history(turn)).at(-1) as Message
    const answers = await statuses(() => turn)
    expect(answers).toContain(200)
    for (const status of answers) expect([200, 409]).toContain(status)
    expect(callsFor(turn)).toBe(2)
    expect(await history(turn)).toMatchObject([
      { id: turn.message_id, seq: 1 },
      { id, seq: 2, status: 'complete' },
    ])
    await expectSound(db, turn.session_id)
  })

  test.each([
    ['and is in its window if it has text', true],
    ['and is not in its window if it has none', false],
  ])('is settled by the next turn, of which one in five runs, %s', async (_name, hasText) => {
    const turn = (hasText ? withText : without)[1] as Turn
    const { content } = (await history(turn)).at(-1) as Message
    const bodies = visitors.map((_, index) => ({
      session_id: turn.session_id,
      message: `[[fault pace ms=50 id=${index}]] write 20 words ${turn.message_id}`,
    }))
    expect(await statuses((index) => bodies[index] as object)).toEqual(oneRuns)
    const sent = rig.model.requests.at(-1)?.messages.slice(1, -1)
    expect(sent).toEqual(
      hasText
        ? [
            { role: 'user', content: turn.message },
            { role: 'assistant', content },
          ]
        : [],
    )
    const rows = await expectSound(db, turn.session_id)
    expect(rows.map(({ status }) => status)).toEqual([
      'complete',
      hasText ? 'interrupted' : 'failed',
      'complete',
      'complete',
    ])
  })
})
