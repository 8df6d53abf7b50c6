import { Problem, type ProblemCode } from '../../errors.ts'
import type { ChatResponse, TurnEvents } from '../../protocol.ts'
import type { EndedTurn } from '../../turn/complete-turn.ts'
import type { TurnNews } from '../../turn/watch.ts'
import type { OpenedTurn } from '../open-turn.ts'
import { sseComment, sseEvent } from '../sse.ts'

/** The API's own protocol: a turn as JSON or as events, and a reply that is joined as the same events. */

type TurnEvent = {
  [Name in keyof TurnEvents]: { name: Name; data: TurnEvents[Name] }
}[keyof TurnEvents]

/** The event that a turn's stream begins with. */
export function startedEvent(turn: OpenedTurn): string {
  const data = { ...answerOf(turn), message: turn.message, reply_id: turn.replyId }
  return sseEvent({ name: 'turn.started', id: 0, data })
}

/** Renders the news of a reply as events; `atEnd` adds members to the last one. */
export function renderNative(
  requestId: string,
  atEnd: (ended: EndedTurn) => { server_timing?: string } = () => ({}),
): (news: TurnNews<EndedTurn>) => string {
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
        return sseEvent({ name, id, data: { ...data, ...atEnd(news.end) } })
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
  turn: OpenedTurn,
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
export function serverTiming(turn: OpenedTurn, { modelMs, databaseMs }: EndedTurn): string {
  return `db;dur=${turn.databaseMs + databaseMs}, model;dur=${modelMs}`
}

function answerOf({ sessionId, visitorToken, isReplay }: OpenedTurn) {
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
