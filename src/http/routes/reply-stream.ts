import { type Context, Hono } from 'hono'
import { findReply, findRunningReply } from '../../db/messages.ts'
import { Problem } from '../../errors.ts'
import { ReplyPath, SessionPath } from '../../protocol.ts'
import { placeOf } from '../../turn/follow-reply.ts'
import type { StoredReply } from '../../turn/turn.ts'
import type { AppEnv } from '../app-env.ts'
import { liveReply } from '../live/live-replies.ts'
import { needsUser } from '../middleware/identity.ts'
import { joinedStream } from '../protocols/native.ts'
import { rendererOf } from '../protocols/protocols.ts'
import { sseHeaders, streamOf } from '../sse.ts'
import { path } from '../validate.ts'
import { watchStored } from '../watch-stored.ts'

type Joining = Context<AppEnv & { Variables: { userId: string } }>

/**
 * The routes that join a reply, from the place in the text that `Last-Event-ID` names. The object that writes the reply is
 * asked first, which costs no call to the database. If it is not there, the database tells what is stored. If a stream
 * closes before its last event, the client joins again from there.
 */

/** Joins a reply of any status. */
export const replyStream = new Hono<AppEnv>().get('/', needsUser, path(ReplyPath), async (c) => {
  const { session_id: sessionId, reply_id: id } = c.req.valid('param')
  const session = { userId: c.get('userId'), sessionId }
  const live = await joinLive(c, session, id)
  if (live) return live
  const reply = await findReply(c.get('deps').db, { ...session, id })
  if (reply === undefined) throw new Problem('not_found')
  return joinStored(c, session, reply)
})

/** Joins the reply that the session is writing; 204 if there is none. */
export const sessionStream = new Hono<AppEnv>().get(
  '/',
  needsUser,
  path(SessionPath),
  async (c) => {
    const session = { userId: c.get('userId'), sessionId: c.req.valid('param').session_id }
    const running = await findRunningReply(c.get('deps').db, session)
    if (running === undefined) throw new Problem('not_found')
    if (running === 'none') return c.body(null, 204)
    return (await joinLive(c, session, running.reply.id)) ?? joinStored(c, session, running)
  },
)

interface SessionKey {
  userId: string
  sessionId: string
}

/** Tells a client that joined a session's reply which one it is. */
const headersOf = (replyId: string) => ({ ...sseHeaders, 'x-reply-id': replyId })

async function joinLive(
  c: Joining,
  session: SessionKey,
  replyId: string,
): Promise<Response | undefined> {
  const requestId = c.get('requestId')
  const body = await liveReply(c.env.LIVE_REPLIES, { replyId, requestId })?.join({
    ...session,
    from: placeOf(c.req.header('last-event-id')),
    rendering: joinedStream(requestId),
  })
  return body && c.body(body, 200, headersOf(replyId))
}

/** A reply that has just begun may still be on its way to its object. */
const handOver = { ageMs: 5_000, pauseMs: 300 }

async function joinStored(c: Joining, session: SessionKey, stored: StoredReply): Promise<Response> {
  const { reply } = stored
  const ageMs = Date.now() - Date.parse(reply.created_at)
  if (c.env.LIVE_REPLIES && reply.status === 'streaming' && ageMs < handOver.ageMs) {
    await new Promise((resolve) => setTimeout(resolve, handOver.pauseMs))
    const live = await joinLive(c, session, reply.id)
    if (live) return live
  }
  const news = watchStored(
    c.get('deps').db,
    session,
    stored,
    placeOf(c.req.header('last-event-id')),
  )
  const body = streamOf(news, rendererOf(joinedStream(c.get('requestId'))))
  return c.body(body, 200, headersOf(reply.id))
}
