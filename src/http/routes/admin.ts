import { Hono } from 'hono'
import { findSessionUser, listUsage } from '../../db/admin.ts'
import { listMessages } from '../../db/list-messages.ts'
import { searchSessions } from '../../db/search-sessions.ts'
import { deleteSession } from '../../db/sessions.ts'
import { Problem } from '../../errors.ts'
import {
  type AdminSessionsPage,
  AdminSessionsQuery,
  AdminUsageQuery,
  type UsageRow,
} from '../../protocol-admin.ts'
import { MessagesQuery, SessionPath } from '../../protocol.ts'
import type { AppEnv } from '../app-env.ts'
import { tellLiveReplies } from '../live/session-news.ts'
import { messagePage } from '../message-page.ts'
import { ownerOnly } from '../middleware/owner-only.ts'
import { decodeSearchCursor, encodeSearchCursor } from '../sessions-cursor.ts'
import { path, queryString } from '../validate.ts'

/** The owner's routes, behind `ADMIN_TOKEN`. They read and erase, and change nothing. */
export const admin = new Hono<AppEnv>()
  .use(ownerOnly())
  .get('/sessions', queryString(AdminSessionsQuery), async (c) => {
    const { cursor, q: text, user_id: userId, ...filters } = c.req.valid('query')
    const after = cursor === undefined ? undefined : decodeSearchCursor(cursor)
    const { db } = c.get('deps')
    const { sessions, next } = await searchSessions(db, { ...filters, text, userId, after })
    const isSearch = [text, filters.rating, filters.status].some((each) => each !== undefined)
    return c.json({
      data: sessions,
      has_more: next !== undefined,
      next_cursor: next ? encodeSearchCursor(next) : null,
      ...(isSearch && { searched_until: next?.lastActivity ?? null }),
    } satisfies AdminSessionsPage)
  })
  .get(
    '/sessions/:session_id/messages',
    path(SessionPath),
    queryString(MessagesQuery),
    async (c) => {
      const { db } = c.get('deps')
      const { session_id: sessionId } = c.req.valid('param')
      const { superseded, ...range } = c.req.valid('query')
      const userId = await findSessionUser(db, sessionId)
      const history =
        userId === undefined
          ? undefined
          : await listMessages(db, {
              userId,
              sessionId,
              ...range,
              superseded: superseded === 'true',
            })
      if (history === undefined) throw new Problem('not_found')
      return c.json(messagePage(history, range))
    },
  )
  .delete('/sessions/:session_id', path(SessionPath), async (c) => {
    const { db } = c.get('deps')
    const { session_id: id } = c.req.valid('param')
    const userId = await findSessionUser(db, id)
    const erased = userId === undefined ? undefined : await deleteSession(db, userId, id)
    if (erased === undefined) throw new Problem('not_found')
    await tellLiveReplies(c, erased.running)
    return c.body(null, 204)
  })
  .get('/usage', queryString(AdminUsageQuery), async (c) => {
    const { user_id: userId, since, until, ...rest } = c.req.valid('query')
    const today = new Date().toISOString().slice(0, 10)
    const { rows, hasMore } = await listUsage(c.get('deps').db, {
      ...rest,
      userId,
      since: since ?? monthBefore(until ?? today),
      until: until ?? today,
    })
    return c.json({ data: rows, has_more: hasMore } satisfies {
      data: UsageRow[]
      has_more: boolean
    })
  })

/** The first of 30 days that end with `day`. */
function monthBefore(day: string): string {
  return new Date(Date.parse(day) - 29 * 86_400_000).toISOString().slice(0, 10)
}
