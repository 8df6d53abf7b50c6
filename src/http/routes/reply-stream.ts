import { type Context, Hono } from 'hono'
import { findReply, findRunningReply } from '../../db/messages.ts'
import { findReplyGrowth } from '../../db/reply-growth.ts'
import { Problem } from '../../errors.ts'
import { databaseCalls } from '../../limits.ts'
import { ReplyPath, SessionPath } from '../../protocol.ts'
import { followReply, placeOf } from '../../turn/follow-reply.ts'
import { createJoinLoad } from '../../turn/join-load.ts'
import type { StoredReply } from '../../turn/turn.ts'
import type { AppEnv } from '../app-env.ts'
import { needsUser } from '../middleware/identity.ts'
import { renderNative } from '../protocols/native.ts'
import { sseResponse } from '../sse.ts'
import { path } from '../validate.ts'

/** Reads of one stream after the one that found the reply. */
const maxReads = databaseCalls.perRequest - 1

/**
 * The routes that join a reply from any isolate, by what its turn has stored, from the place in the text that
 * `Last-Event-ID` names. If a stream closes before its last event, the client joins again from there. Each stream reads
 * for itself: a reader that several clients share would run in the request of one of them, and end with it.
 */
export function replyStreams() {
  const loadOf = createJoinLoad()

  function joined(
    c: Context<AppEnv & { Variables: { userId: string } }>,
    session: { userId: string; sessionId: string },
    first: StoredReply,
  ): Response {
    const { db } = c.get('deps')
    const key = { ...session, id: first.reply.id }
    const news = followReply({
      first,
      readGrowth: (codePoints) => findReplyGrowth(db, key, codePoints),
      from: placeOf(c.req.header('last-event-id')),
      maxReads,
      load: first.reply.status === 'streaming' ? loadOf(Date.now()) : 0,
    })
    return sseResponse(c, news, renderNative(c.get('requestId')))
  }

  /** Joins a reply of any status. */
  const ofReply = new Hono<AppEnv>().get('/', needsUser, path(ReplyPath), async (c) => {
    const { session_id: sessionId, reply_id: id } = c.req.valid('param')
    const key = { userId: c.get('userId'), sessionId }
    const reply = await findReply(c.get('deps').db, { ...key, id })
    if (reply === undefined) throw new Problem('not_found')
    return joined(c, key, reply)
  })

  /** Joins the reply that the session is writing; 204 if there is none. */
  const ofSession = new Hono<AppEnv>().get('/', needsUser, path(SessionPath), async (c) => {
    const key = { userId: c.get('userId'), sessionId: c.req.valid('param').session_id }
    const running = await findRunningReply(c.get('deps').db, key)
    if (running === undefined) throw new Problem('not_found')
    return running === 'none' ? c.body(null, 204) : joined(c, key, running)
  })

  return { ofReply, ofSession }
}
