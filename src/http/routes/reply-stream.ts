import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { findReply, type StoredReply } from '../../db/messages.ts'
import { Problem, storedProblem } from '../../errors.ts'
import { databaseCalls } from '../../limits.ts'
import { needsUser } from '../middleware/identity.ts'
import { path } from '../validate.ts'
import { ReplyPath } from '../../protocol.ts'
import { comment, eventResponse, failedEvent, frame, type TurnEvent } from '../event-stream.ts'

/** Pauses between two looks: ever longer, so that the calls of a request last for most replies. */
const firstPauseMs = 400
const longestPauseMs = 5_000
const looks = databaseCalls.perRequest

/**
 * Joins a reply from any isolate, by what its turn has saved. It begins at the place in the text that `Last-Event-ID`
 * names; a stream that closes before its last event is to be joined again from there.
 */
export const replyStream = new Hono<AppEnv>().get('/', needsUser, path(ReplyPath), async (c) => {
  const { session_id: sessionId, reply_id: id } = c.req.valid('param')
  const { db } = c.get('deps')
  const look = () => findReply(db, { userId: c.get('userId'), sessionId, id })
  const reply = await look()
  if (reply === undefined) throw new Problem('not_found')
  const place = placeIn(reply, c.req.header('last-event-id'))
  return eventResponse(c, joinedFrames(reply, place, look, c.get('requestId')))
})

async function* joinedFrames(
  first: StoredReply,
  place: number,
  look: () => Promise<StoredReply | undefined>,
  requestId: string,
): AsyncGenerator<string, void> {
  let stored: StoredReply | undefined = first
  let sent = place
  let pauseMs = firstPauseMs
  for (let left = looks; ; left -= 1) {
    if (stored === undefined) {
      yield frame(failedEvent(new Problem('session_deleted'), requestId, {}), sent)
      return
    }
    const { content, status } = stored.reply
    if (content.length > sent) {
      const text = content.slice(sent)
      sent = content.length
      yield frame({ name: 'delta', data: { text } }, sent)
    } else {
      yield comment
    }
    if (status !== 'streaming') {
      yield frame(lastEvent(stored, requestId), content.length)
      return
    }
    if (left === 1) return
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    pauseMs = Math.min(pauseMs * 1.2, longestPauseMs)
    try {
      stored = await look()
    } catch {
      // The database is away for a moment: that ends this stream, not the reply.
      return
    }
  }
}

/** @returns UTF-16 units of the text that the client has; never inside a character */
function placeIn({ reply: { content } }: StoredReply, lastEventId: string | undefined): number {
  const place = Number(/^\d{1,9}$/.exec(lastEventId ?? '')?.[0] ?? 0)
  const isInside = /^[\ud800-\udbff][\udc00-\udfff]/.test(content.slice(place - 1, place + 1))
  return isInside ? place - 1 : place
}

/** A superseded reply is whole where it had been: a finish reason says so. */
function lastEvent({ reply, errorCode }: StoredReply, requestId: string): TurnEvent {
  if (reply.status === 'failed') return failedEvent(storedProblem(errorCode), requestId, {})
  if (reply.finish_reason === undefined)
    return failedEvent(storedProblem(errorCode), requestId, { reply })
  return { name: 'turn.completed', data: { reply } }
}
