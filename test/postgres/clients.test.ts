import { once } from 'node:events'
import http from 'node:http'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { RecordedRequest } from '../../scripts/dev/offline-model.ts'
import type { MessageRow } from '../../src/db/schema.ts'
import {
  delta,
  done,
  finished,
  type ScriptedModel,
  startScriptedModel,
} from '../fakes/scripted-model.ts'
import { type Client, newVisitor, parseEvents } from '../rigs/client.ts'
import { takeTurn, testDatabase } from '../rigs/conversation.ts'
import { beginAndLeave, type Leaving } from '../rigs/leaving-client.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { withoutObjects } from '../rigs/start-workerd.ts'
import { expectSound, storedMessages } from '../rigs/stored-session.ts'
import { turnCall } from '../rigs/turn-call.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const db = testDatabase()
const accept = { accept: 'text/event-stream' }
const ways: Leaving[] = ['close', 'reset']

let rig: Rig
let visitor: Client
const heldBegins = new Map<string, () => Promise<undefined>>()
beforeAll(async () => {
  rig = await startRig()
  rig.database.fault = (call) => {
    const held = [...heldBegins].find(([sessionId]) => call.body.includes(sessionId))
    return turnCall(call) === 'begin' ? held?.[1]() : undefined
  }
  visitor = await newVisitor(rig.url)
})
afterAll(() => rig.close())

interface Turn {
  session_id: string
  message_id: string
  message: string
}

/** The second turn of its session: a user may have only a few sessions without messages. */
async function newTurn(directives: string): Promise<Turn> {
  const message_id = crypto.randomUUID()
  const { start } = await takeTurn(db, { userId: visitorIdOf(visitor.token ?? '') })
  return { session_id: start.sessionId, message_id, message: `${directives} ${message_id}` }
}

function requestsOf({ message }: Turn, { model } = rig): RecordedRequest[] {
  return model.requests.filter(({ messages }) => messages.at(-1)?.content === message)
}

async function endedReply({ session_id }: Turn): Promise<MessageRow> {
  return vi.waitUntil(
    async () => {
      const reply = (await storedMessages(db, session_id))[3]
      return reply !== undefined && reply.status !== 'streaming' && reply
    },
    { timeout: 40_000, interval: 100 },
  )
}

/** Expects that the whole reply is stored, was paid for once, and is what a retry gets. */
async function expectWhole(turn: Turn, words: number): Promise<void> {
  const reply = await endedReply(turn)
  expect(reply).toMatchObject({ status: 'complete', finish_reason: 'stop', reply_to: 3, seq: 4 })
  expect(reply.content.split(/\s+/)).toHaveLength(words)
  await expectSound(db, turn.session_id)
  const { id, content, status } = reply
  expect(await visitor.chat({ ...turn })).toMatchObject({
    replayed: true,
    reply: { id, content, status },
  })
  expect(requestsOf(turn)).toMatchObject([{ deltasSent: words }])
}

describe.concurrent('a client that leaves', () => {
  /** Bytes of a stream of some 1,700: in every part of it, in the middle of events and of words. */
  const places = [0, 1, 7, 30, 100, 250, 420, 450, 500, 555, 640, 700, 777, 850, 999, 1_200, 1_500]

  test.each(ways)(
    'at any byte of its stream still gets the whole reply stored (%s)',
    async (how) => {
      const leave = async (place: number) => {
        const turn = await newTurn('[[fault pace ms=30]] write 25 words')
        const client = beginAndLeave(rig.url, visitor, turn, accept)
        const hasBegun = () => place > 0 || requestsOf(turn).length > 0
        await vi.waitUntil(() => client.text().length >= place && hasBegun(), 10_000)
        client.leave(how)
        await expectWhole(turn, 25)
      }
      await Promise.all(places.map(leave))
    },
  )

  test.each(ways)(
    'at any word of a JSON turn still gets the whole reply stored (%s)',
    async (how) => {
      const leave = async (word: number) => {
        const turn = await newTurn('[[fault pace ms=30]] write 25 words')
        const client = beginAndLeave(rig.url, visitor, turn)
        await vi.waitUntil(() => (requestsOf(turn)[0]?.deltasSent ?? -1) >= word, 10_000)
        client.leave(how)
        await expectWhole(turn, 25)
        expect(client.text()).toBe('')
      }
      await Promise.all([0, 1, 5, 12, 20].map(leave))
    },
  )

  test.each([
    ['a stream', accept],
    ['a JSON turn', {}],
  ])('while its message is stored finds it answered: %s', async (_what, headers) => {
    const turn = await newTurn('[[fault pace ms=5]] write 25 words')
    const asked = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<undefined>()
    heldBegins.set(turn.session_id, () => {
      asked.resolve()
      return goOn.promise
    })
    const client = beginAndLeave(rig.url, visitor, turn, headers)
    await asked.promise
    client.leave('reset')
    goOn.resolve(undefined)
    await expectWhole(turn, 25)
  })

  // Not for a JSON turn: workerd does not report a disconnect before the first byte.
  test('and does not return ends a long reply that has no object 20 s later: it is kept as interrupted, and no more is paid for', async ({
    onTestFinished,
  }) => {
    const alone = await startRig(withoutObjects)
    onTestFinished(() => alone.close())
    const turn = await newTurn('[[fault pace ms=200]] write 900 words')
    const client = beginAndLeave(alone.url, visitor, turn, accept)
    await vi.waitUntil(() => client.text().includes('event: delta'), 10_000)
    client.leave('close')
    const reply = await endedReply(turn)
    expect(reply).toMatchObject({ status: 'interrupted', error_code: 'interrupted' })
    expect(reply.content.split(/\s+/).length).toBeGreaterThan(50)
    await vi.waitFor(
      () => expect(requestsOf(turn, alone)).toMatchObject([{ aborted: true }]),
      10_000,
    )
    expect(requestsOf(turn, alone)[0]?.deltasSent).toBeLessThan(900)
    expect(await visitor.chat({ ...turn })).toMatchObject({ replayed: true })
  }, 60_000)
})

describe('a client that reads slowly', () => {
  let model: ScriptedModel
  let verbose: Rig
  const deltas = 1_000
  /** On the wire six times as long: more than the sockets in between hold. */
  const piece = '\u0001'.repeat(1_000)
  beforeAll(async () => {
    model = await startScriptedModel()
    model.script = () => ({ packets: [...Array(deltas).fill(delta(piece)), finished(), done] })
    verbose = await startRig({ OPENAI_BASE_URL: model.baseUrl })
  })
  afterAll(async () => {
    await verbose.close()
    await model.close()
  })

  test('slows neither the model nor the store, and gets the missed text as one delta', async () => {
    const turn = await newTurn('')
    const request = http.request(`${verbose.url}/v1/chat`, {
      method: 'POST',
      agent: false,
      headers: {
        authorization: `Bearer ${visitor.token}`,
        'content-type': 'application/json',
        ...accept,
      },
    })
    request.end(JSON.stringify(turn))
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]

    const reply = await endedReply(turn)
    expect(reply).toMatchObject({ status: 'complete' })
    expect(response.readableLength).toBeLessThan(deltas * piece.length)

    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    const events = parseEvents(body)
    const texts = events.flatMap(({ data }) => (data.text === undefined ? [] : [data.text]))
    expect(texts.length).toBeLessThan(deltas)
    expect(texts.join('') === reply.content).toBe(true)
    expect(events.at(-1)).toMatchObject({ event: 'turn.completed', id: deltas * piece.length })
  })
})
