import { expect } from 'vitest'
import type { ChatResponse, Message } from '../../../src/protocol.ts'
import { type Client, parseEvents, type ServerEvent } from '../../rigs/client.ts'
import { problemOf } from '../../rigs/problem.ts'
import type { Answer } from './session.ts'

/** `leave`: a stream whose client disconnects at the first event. */
export type How = 'json' | 'stream' | 'leave'

/** What a client learned of its turn. */
export interface Heard {
  /** Undefined if the client disconnected before the end. */
  answer: Answer | undefined
  reply?: Message
  /** Undefined in a stream. */
  history?: Message[]
}

export const eventStream = { accept: 'text/event-stream' }

export async function sendTurn(client: Client, body: object, how: How): Promise<Heard> {
  const headers = how === 'json' ? {} : eventStream
  const response = await client.request('POST', '/v1/chat', body, headers)
  if (response.status !== 200) return { answer: { code: (await problemOf(response)).code } }
  if (how === 'json') return hearWhole((await response.json()) as ChatResponse)
  if (how === 'stream') return hearEvents(parseEvents(await response.text()))
  await readEvents(response, 'turn.started', { thenLeave: true })
  return { answer: undefined }
}

function hearWhole({ reply, replayed, history }: ChatResponse): Heard {
  return { answer: answerOf(reply, replayed), reply, history }
}

/** Checks a whole stream: the first event, the text piece by piece, the last event. */
function hearEvents(events: ServerEvent[]): Heard {
  const started = events.at(0)
  const last = events.at(-1)
  const deltas = events.slice(1, -1)
  expect(started).toMatchObject({ event: 'turn.started', id: 0 })
  expect(deltas.filter(({ event }) => event !== 'delta')).toEqual([])
  const reply = last?.data.reply as Message | undefined
  if (last?.event === 'turn.failed' && reply === undefined)
    return { answer: { code: last.data.code } }
  expect(last?.event).toBe(reply?.status === 'complete' ? 'turn.completed' : 'turn.failed')
  expect(deltas.map(({ data }) => data.text).join('')).toBe(reply?.content)
  expect(started?.data.reply_id).toBe(reply?.id)
  return { answer: answerOf(reply as Message, started?.data.replayed), reply: reply as Message }
}

function answerOf({ status }: Message, replayed: true | undefined): Answer {
  if (status !== 'complete' && status !== 'interrupted')
    throw new Error(`answered with a reply that is ${status}`)
  return { status, replayed: replayed ?? false }
}

/** Reads until the first event of that name, and disconnects if `thenLeave`. */
export async function readEvents(
  response: Response,
  until: string,
  { thenLeave }: { thenLeave: boolean },
): Promise<{ events: ServerEvent[]; leave: () => Promise<void> }> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''
  const whole = () => parseEvents(text.slice(0, text.lastIndexOf('\n\n') + 2))
  while (!whole().some(({ event }) => event === until)) {
    const { done, value } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
  }
  const leave = () => reader.cancel().catch(() => {})
  if (thenLeave) await leave()
  return { events: whole(), leave }
}
