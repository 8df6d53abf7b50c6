import { expect } from 'vitest'
import type { Message } from '../../src/protocol.ts'
import { type Client, parseEvents, type ServerEvent } from './client.ts'
import { eventsOf, textOf, words } from './doomed-turn.ts'
import type { LeavingClient } from './leaving-client.ts'

/** The status in which a turn is kept once its lease has expired. */
export type Kept = 'nothing' | 'failed' | 'interrupted' | 'complete'

/** A turn whose Worker was killed, as its visitor sees it through another Worker. */
export interface DeadTurn {
  visitor: Client
  body: { message: string; message_id: string; session_id?: string; regenerate?: string }
  sessionId: string
  /** How many messages of the history are older. */
  before: number
  /** The text that the last checkpoint stored. */
  saved: string
}

/** The turn in the history: its message and its reply, or nothing. */
export async function messagesOf(
  turn: Pick<DeadTurn, 'visitor' | 'sessionId' | 'before'>,
): Promise<Message[]> {
  const response = await turn.visitor.request('GET', `/v1/sessions/${turn.sessionId}/messages`)
  const { data = [] } = (await response.json()) as { data?: Message[] }
  return data.slice(turn.before)
}

/** Joins a reply until its stream ends. */
export async function joinReply(turn: DeadTurn, replyId: string): Promise<ServerEvent[]> {
  const path = `/v1/sessions/${turn.sessionId}/messages/${replyId}/stream`
  const response = await turn.visitor.request('GET', path)
  return parseEvents(await response.text())
}

/** Expects that a joined stream has the stored text, and its end. */
export function expectJoined(events: readonly ServerEvent[], { status, content }: Message): void {
  expect(textOf(events)).toBe(content)
  expect(events.at(-1)).toMatchObject(
    status === 'complete'
      ? { event: 'turn.completed', data: { reply: { content } } }
      : { event: 'turn.failed', data: { code: 'interrupted', retryable: status === 'failed' } },
  )
}

/** Expects that the turn counts as running during the killed Worker's lease: it is shown, and no other turn can run. */
export async function expectLeased(turn: DeadTurn): Promise<void> {
  const { visitor, body, sessionId, saved } = turn
  const [message, reply] = await messagesOf(turn)
  expect(message).toMatchObject({ id: body.message_id, content: body.message })
  expect(reply).toMatchObject({ status: 'streaming', content: saved })
  const retry = await visitor.request('POST', '/v1/chat', body)
  expect(await retry.json()).toMatchObject({ status: 409, code: 'turn_running' })
  expect(Number(retry.headers.get('retry-after'))).toBeGreaterThan(0)
  const other = { session_id: sessionId, message: 'Other' }
  expect((await visitor.expect(409, 'POST', '/v1/chat', other)).code).toBe('session_busy')
}

/** Expects that the events before the kill are true: an accepted turn is stored, a completed one is complete. */
export function expectTrue(client: LeavingClient, kept: Kept): void {
  const events = eventsOf(client)
  const names = events.map(({ event }) => event)
  if (names.includes('turn.started')) expect(kept).not.toBe('nothing')
  if (names.includes('turn.completed')) expect(kept).toBe('complete')
  expect(names).not.toContain('turn.failed')
  expect(words.join(' ').startsWith(textOf(events))).toBe(true)
}
