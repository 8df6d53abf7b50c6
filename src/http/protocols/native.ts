import { Problem, type ProblemCode } from '../../errors.ts'
import type { ChatResponse, TurnEvents } from '../../protocol.ts'
import type { EndedTurn } from '../../turn/complete-turn.ts'
import type { TurnNews } from '../../turn/watch.ts'
import { sseComment, sseEvent } from '../sse.ts'
import type { TurnFacts } from '../turn-facts.ts'

/** The API's own protocol: a turn as JSON or as events, and a reply that is joined as the same events. */

type TurnEvent = {
  [Name in keyof TurnEvents]: { name: Name; data: TurnEvents[Name] }
}[keyof TurnEvents]

/** Events of a turn that was opened, or of a reply that was joined. */
export interface NativeRendering {
  protocol: 'native'
  requestId: string
  /** Written first. */
  opening: string
  /** Of `begin`; absent in a joined stream, whose last event has no times. */
  databaseMs?: number
}

/**
 * A turn's own stream.
 * @param from the length of the text that the client has already
 */
export function ownStream(turn: TurnFacts, requestId: string, from: number): NativeRendering {
  const data = { ...answerOf(turn), message: turn.message, reply_id: turn.replyId }
  const opening = sseEvent({ name: 'turn.started', id: from, data })
  return { protocol: 'native', requestId, opening, databaseMs: turn.databaseMs }
}

export function joinedStream(requestId: string): NativeRendering {
  return { protocol: 'native', requestId, opening: '' }
}

export function renderNative({
  requestId,
  databaseMs,
}: NativeRendering): (news: TurnNews<EndedTurn>) => string {
  let place = 0
  return (news) => {
    switch (news.kind) {
      case 'text':
        place = news.place
        return sseEvent({ name: 'delta', id: place, data: { text: news.text } })
      case 'thinking':
        return sseEvent({ name: 'turn.thinking', data: {} })
      case 'quiet':
        return sseComment
      case 'end': {
        const { name, data } = lastEvent(news.end, requestId)
        const id = news.end.reply?.content.length ?? place
        const times = databaseMs !== undefined && {
          server_timing: serverTiming({ databaseMs }, news.end),
        }
        return sseEvent({ name, id, data: { ...data, ...times } })
      }
    }
  }
}

function lastEvent({ reply, problem }: EndedTurn, requestId: string): TurnEvent {
  if (reply !== undefined && problem === undefined)
    return { name: 'turn.completed', data: { reply } }
  const fault = problem ?? new Problem('interrupted')
  // Text that was kept leaves nothing to retry.
  const retryable = reply === undefined && isRetryable(fault.code)
  const data = { ...fault.toJSON(), request_id: requestId, retryable, ...(reply && { reply }) }
  return { name: 'turn.failed', data }
}

/**
 * The response to a turn that was not streamed.
 * @throws Problem if there is no reply to show; the message is stored, and the same `message_id` tries again
 */
export function turnResponse(
  turn: TurnFacts,
  { reply, history, problem }: EndedTurn,
): ChatResponse {
  const answer = answerOf(turn)
  if (reply === undefined) {
    const { code, options } = problem ?? new Problem('internal_error')
    const members = { ...answer, message_id: turn.message.id, retryable: isRetryable(code) }
    throw new Problem(code, { ...options, members: { ...options.members, ...members } })
  }
  return {
    ...answer,
    reply,
    history: history?.messages ?? [],
    has_more: history?.hasMore ?? true,
  }
}

/** As in the `Server-Timing` header (W3C Server Timing, 3.2). */
export function serverTiming(
  turn: Pick<TurnFacts, 'databaseMs'>,
  { modelMs, databaseMs }: EndedTurn,
): string {
  return `db;dur=${turn.databaseMs + databaseMs}, model;dur=${modelMs}`
}

function answerOf({ sessionId, visitorToken, isReplay }: TurnFacts) {
  return {
    session_id: sessionId,
    ...(visitorToken !== undefined && { visitor_token: visitorToken }),
    ...(isReplay && { replayed: true as const }),
  }
}

/** Whether the client may send the same `message_id` again. */
function isRetryable(code: ProblemCode): boolean {
  return code !== 'session_deleted'
}
