import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { listMessages } from '../db/messages.ts'
import { Problem } from '../errors.ts'
import { needsUser } from '../middleware/identity.ts'
import { path, queryString } from '../middleware/validate.ts'
import { type Message, MessagesQuery, type Page, SessionPath } from '../protocol.ts'

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
    const edge = after === undefined ? history.messages.at(0) : history.messages.at(-1)
    return c.json({
      data: history.messages,
      has_more: history.hasMore,
      next_cursor: history.hasMore && edge !== undefined ? String(edge.seq) : null,
    } satisfies Page<Message>)
  },
)
