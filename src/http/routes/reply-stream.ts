import { type Context, Hono } from 'hono'
import { findReply, findRunningReply } from '../../db/messages.ts'
import { Problem } from '../../errors.ts'
import { ReplyPath, SessionPath } from '../../protocol.ts'
import { followReply, placeIn } from '../../turn/follow-reply.ts'
import type { StoredReply } from '../../turn/turn.ts'
import type { AppEnv } from '../app-env.ts'
import { databaseCalls } from '../../limits.ts'
import { needsUser } from '../middleware/identity.ts'
import { renderNative } from '../protocols/native.ts'
import { sseResponse } from '../sse.ts'
import { path } from '../validate.ts'

/** Reads of one stream after the one that found the reply. */
const maxReads = databaseCalls.perRequest - 1

/**
 * Joins a reply from any isolate, by what its turn has stored, from the place in the text that `Last-Event-ID` names. If
 * a stream closes before its last event, the client joins again from there.
 */
export const replyStream = new Hono<AppEnv>().get('/', needsUser, path(ReplyPath), async (c) => {
  const { session_id: sessionId, reply_id: id } = c.req.valid('param')
  const key = { userId: c.get('userId'), sessionId, id }
  const reply = await findReply(c.get('deps').db, key)
  if (reply === undefined) throw new Problem('not_found')
  return joined(c, key, reply)
})

/** Joins the reply that the session is writing; 204 if there is none. */
export const runningReplyStream = new Hono<AppEnv>().get(
  '/',
  needsUser,
  path(SessionPath),
  async (c) => {
    const key = { userId: c.get('userId'), sessionId: c.req.valid('param').session_id }
    const running = await findRunningReply(c.get('deps').db, key)
    if (running === undefined) throw new Problem('not_found')
    if (running === 'none') return c.body(null, 204)
    return joined(c, { ...key, id: running.reply.id }, running)
  },
)

function joined(
  c: Context,
  key: { userId: string; sessionId: string; id: string },
  first: StoredReply,
): Response {
  const { db } = (c as Context<AppEnv>).get('deps')
  const from = placeIn(first.reply.content, c.req.header('last-event-id'))
  const news = followReply({ first, read: () => findReply(db, key), from, maxReads })
  return sseResponse(c, news, renderNative(c.get('requestId')))
}
