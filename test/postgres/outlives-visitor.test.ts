import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Message } from '../../src/protocol.ts'
import { type Client, newVisitor, parseEvents, type ServerEvent } from '../rigs/client.ts'
import { eventsOf, textOf } from '../rigs/doomed-turn.ts'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { withoutObjects } from '../rigs/start-workerd.ts'
import { turnCall } from '../rigs/turn-call.ts'

/** Some 90 s of reply: far longer than the platform leaves to a Worker whose client has left. */
const words = 300
const paceMs = 300
const moments = Array.from({ length: 20 }, (_, index) => index * 15)
const accept = { accept: 'text/event-stream' }

let rig: Rig
let alone: Rig
beforeAll(async () => {
  // Sixty replies at once are slower than one on a small machine.
  const limits = { MODEL_TIMEOUT_MS: '300000', TURN_LEASE_MS: '20000' }
  rig = await startRig({ ...limits, DATABASE_TIMEOUT_MS: '30000' })
  alone = await startRig(withoutObjects)
})
afterAll(() => Promise.all([rig.close(), alone.close()]))

interface LongReply {
  visitor: Client
  path: string
  /** The text that the visitor has read before it left. */
  read: ServerEvent[]
  /** Words that the model has sent. */
  sent(): number
  calls(): number
  /** The reply in the history, once it has ended. */
  ended(): Promise<Message>
}

/** Begins a reply and leaves it after so many words. */
async function beginAndLeaveAt(on: Rig, word: number): Promise<LongReply> {
  const visitor = await newVisitor(on.url)
  const { id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const message = `[[fault pace ms=${paceMs} id=${id}]] write ${words} words`
  const calls = () =>
    on.model.requests.filter(({ messages }) => messages.at(-1)?.content === message)
  const sent = () => calls()[0]?.deltasSent ?? 0
  const client = beginAndLeave(on.url, visitor, { session_id: id, message }, accept)
  await longUntil(() => sent() >= word && client.text().includes('turn.started'))
  client.leave(word % 2 === 0 ? 'reset' : 'close')
  const path = `/v1/sessions/${id}`
  return {
    visitor,
    path,
    read: eventsOf(client),
    sent,
    calls: () => calls().length,
    async ended() {
      let reply: Message | undefined
      const hasEnded = async () => {
        reply = (await visitor.expect(200, 'GET', `${path}/messages`)).data[1]
        return reply !== undefined && reply.status !== 'streaming'
      }
      await longUntil(hasEnded, 3_000)
      return reply as Message
    },
  }
}

function longUntil(condition: () => boolean | Promise<boolean>, interval = 250) {
  return vi.waitUntil(condition, { timeout: 280_000, interval })
}

/** Joins a reply until its stream ends. */
async function join({ visitor }: LongReply, path: string, place = 0): Promise<ServerEvent[]> {
  const headers = { 'last-event-id': String(place) }
  const response = await visitor.request('GET', path, undefined, headers)
  expect(response.status).toBe(200)
  return parseEvents(await response.text())
}

async function expectWhole(long: LongReply): Promise<Message> {
  const reply = await long.ended()
  expect(reply).toMatchObject({ status: 'complete', finish_reason: 'stop' })
  expect(reply.content.split(/\s+/)).toHaveLength(words)
  expect(reply.content.startsWith(textOf(long.read))).toBe(true)
  expect(long.calls()).toBe(1)
  return reply
}

function expectSeen(events: ServerEvent[], text: string, reply: Message) {
  expect(text + textOf(events)).toBe(reply.content)
  expect(events.at(-1)).toMatchObject({ event: 'turn.completed', data: { reply } })
}

/** All of them at once. @param come what the visitor does after it has left */
async function fromEachMoment(come: (long: LongReply, word: number) => Promise<void>) {
  await Promise.all(moments.map(async (word) => come(await beginAndLeaveAt(rig, word), word)))
}

describe.concurrent('a reply of 90 s is whole and paid for once, at whatever moment its visitor leaves', () => {
  const timeout = 300_000

  test('and reloads the page', { timeout }, () =>
    fromEachMoment(async (long, word) => {
      const events = await join(long, `${long.path}/stream`)
      expectSeen(events, '', await expectWhole(long))
      // It came as it was written, and not as the checkpoints stored it.
      expect(events.length).toBeGreaterThan((words - word) / 3)
    }),
  )

  test('and does not come back before its end', { timeout }, () =>
    fromEachMoment(async (long) => {
      const reply = await expectWhole(long)
      expectSeen(await join(long, `${long.path}/messages/${reply.id}/stream`), '', reply)
    }),
  )

  test('and comes back, to go on from where it was', { timeout }, () =>
    fromEachMoment(async (long, word) => {
      const text = textOf(long.read)
      await longUntil(() => long.sent() >= Math.min(words - 5, word + 20))
      const replyId: string = long.read[0]?.data.reply_id
      const path = `${long.path}/messages/${replyId}/stream`
      const events = await join(long, path, text.length)
      expectSeen(events, text, await expectWhole(long))
    }),
  )
})

test.concurrent(
  'without an object, a reply ends some time after its visitor has left, with the text so far',
  { timeout: 300_000 },
  async () => {
    const long = await beginAndLeaveAt(alone, 5)
    const reply = await long.ended()
    expect(reply.status).toBe('interrupted')
    const kept = reply.content.split(/\s+/).length
    // The Worker goes on for 20 s, in which the model sends some 66 words.
    expect(kept).toBeGreaterThan(20)
    expect(kept).toBeLessThan(words / 2)
    expect(long.calls()).toBe(1)
    const finishes = alone.database.calls.filter((call) => turnCall(call) === 'finish')
    expect(finishes).toHaveLength(1)
  },
)
