import { Hono } from 'hono'
import { Problem } from '../../errors.ts'
import { ContextRequest } from '../../protocol-receipt.ts'
import { ReplyPath, SessionPath } from '../../protocol.ts'
import { nextReceipt, replyReceipt } from '../../turn/read-receipt.ts'
import type { AppEnv } from '../app-env.ts'
import { jsonBody } from '../json.ts'
import { needsUser } from '../middleware/identity.ts'
import { path } from '../validate.ts'

/** The receipt of a message that has not been sent. */
export const nextContext = new Hono<AppEnv>().post(
  '/',
  needsUser,
  path(SessionPath),
  jsonBody(ContextRequest),
  async (c) => {
    const { message, context_text: contextText = null } = c.req.valid('json')
    const key = { userId: c.get('userId'), sessionId: c.req.valid('param').session_id }
    const receipt = await nextReceipt(c.get('deps'), key, { message, contextText })
    if (receipt === undefined) throw new Problem('not_found')
    return c.json(receipt)
  },
)

/** The receipt of a reply. */
export const replyContext = new Hono<AppEnv>().get('/', needsUser, path(ReplyPath), async (c) => {
  const { session_id: sessionId, reply_id: replyId } = c.req.valid('param')
  const receipt = await replyReceipt(c.get('deps'), { userId: c.get('userId'), sessionId, replyId })
  if (receipt === undefined) throw new Problem('not_found')
  return c.json(receipt)
})
