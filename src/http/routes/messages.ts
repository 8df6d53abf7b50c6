import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { type History, listMessages } from '../../db/messages.ts'
import { Problem } from '../../errors.ts'
import { needsUser } from '../middleware/identity.ts'
import { path, queryString } from '../validate.ts'
import { type Message, MessagesQuery, type Page, SessionPath } from '../../protocol.ts'

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

/** A page goes on before its oldest message, or after its newest where it was read forwards. */
export function messagePage(
  { messages: data, hasMore }: History,
  { after }: { after?: number | undefined },
): Page<Message> {
  const edge = after === undefined ? data.at(0) : data.at(-1)
  return {
    data,
    has_more: hasMore,
    next_cursor: hasMore && edge !== undefined ? String(edge.seq) : null,
  }
}
