import { Hono } from 'hono'
import { listMessages } from '../../db/list-messages.ts'
import { Problem } from '../../errors.ts'
import { MessagesQuery, SessionPath } from '../../protocol.ts'
import type { AppEnv } from '../app-env.ts'
import { messagePage } from '../message-page.ts'
import { needsUser } from '../middleware/identity.ts'
import { path, queryString } from '../validate.ts'

export const messages = new Hono<AppEnv>().get(
  '/',
  needsUser,
  path(SessionPath),
  queryString(MessagesQuery),
  async (c) => {
    const { limit, before, after, superseded } = c.req.valid('query')
    const history = await listMessages(c.get('deps').db, {
      userId: c.get('userId'),
      sessionId: c.req.valid('param').session_id,
      limit,
      before,
      after,
      superseded: superseded === 'true',
    })
    if (history === undefined) throw new Problem('not_found')
    return c.json(messagePage(history, { after }))
  },
)
