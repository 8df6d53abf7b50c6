import { type Context, Hono } from 'hono'
import { findReply, findRunningReply } from '../../db/messages.ts'
import { Problem } from '../../errors.ts'
import { databaseCalls } from '../../limits.ts'
import { ReplyPath, SessionPath } from '../../protocol.ts'
import { followReply, placeIn } from '../../turn/follow-reply.ts'
import type { StoredReply } from '../../turn/turn.ts'
import type { AppEnv } from '../app-env.ts'
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
  const read = () => findReply(c.get('deps').db, key)
  const reply = await read()
  if (reply === undefined) throw new Problem('not_found')
  return joined(c, reply, read, c.get('requestId'))
})

/** Joins the reply that the session is writing; 204 if there is none. */
export const runningReplyStream = new Hono<AppEnv>().get(
  '/',
  needsUser,
  path(SessionPath),
  async (c) => {
    const { db } = c.get('deps')
    const key = { userId: c.get('userId'), sessionId: c.req.valid('param').session_id }
    const running = await findRunningReply(db, key)
    if (running === undefined) throw new Problem('not_found')
    if (running === 'none') return c.body(null, 204)
    const read = () => findReply(db, { ...key, id: running.reply.id })
    return joined(c, running, read, c.get('requestId'))
  },
)

function joined(
  c: Pick<Context, 'body' | 'req'>,
  first: StoredReply,
  read: () => Promise<StoredReply | undefined>,
  requestId: string,
): Response {
  const from = placeIn(first.reply.content, c.req.header('last-event-id'))
  return sseResponse(c, followReply({ first, read, from, maxReads }), renderNative(requestId))
}
