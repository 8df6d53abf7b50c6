import { Hono } from 'hono'
import { rateReply } from '../../db/rate-reply.ts'
import { Problem } from '../../errors.ts'
import { FeedbackRequest, MessagePath } from '../../protocol.ts'
import type { AppEnv } from '../app-env.ts'
import { jsonBody } from '../json.ts'
import { needsUser } from '../middleware/identity.ts'
import { path } from '../validate.ts'

/** Sets feedback on a reply of any status. A user's message has no feedback, so it gets the same 404 as a missing reply. */
export const feedback = new Hono<AppEnv>().put(
  '/',
  needsUser,
  path(MessagePath),
  jsonBody(FeedbackRequest),
  async (c) => {
    const { session_id: sessionId, message_id: replyId } = c.req.valid('param')
    const { rating, comment } = c.req.valid('json')
    const key = { userId: c.get('userId'), sessionId, replyId }
    const reply = await rateReply(c.get('deps').db, key, { rating, comment: comment ?? null })
    if (reply === undefined) throw new Problem('not_found')
    return c.json(reply)
  },
)
