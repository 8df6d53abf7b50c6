import { Hono } from 'hono'
import {
  changeSession,
  createSession,
  deleteSession,
  findSession,
  listSessions,
} from '../../db/sessions.ts'
import { Problem } from '../../errors.ts'
import {
  NewSessionRequest,
  type Page,
  type Session,
  SessionChangeRequest,
  SessionPath,
  SessionsQuery,
} from '../../protocol.ts'
import { newSessionId } from '../../turn/session-of-turn.ts'
import type { AppEnv } from '../app-env.ts'
import { userOrNewVisitor } from '../caller.ts'
import { jsonBody } from '../json.ts'
import { tellLiveReplies } from '../live/session-news.ts'
import { needsUser } from '../middleware/identity.ts'
import { decodeCursor, encodeCursor } from '../sessions-cursor.ts'
import { path, queryString } from '../validate.ts'

export const sessions = new Hono<AppEnv>()
  .post('/', jsonBody(NewSessionRequest), async (c) => {
    const { userId, visitorToken } = await userOrNewVisitor(c)
    const { db } = c.get('deps')
    const session = await createSession(db, {
      id: newSessionId(),
      userId,
      ...c.req.valid('json'),
    })
    return c.json({ ...session, ...(visitorToken && { visitor_token: visitorToken }) }, 201)
  })
  .get('/', needsUser, queryString(SessionsQuery), async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const after = cursor === undefined ? undefined : decodeCursor(cursor)
    const page = await listSessions(c.get('deps').db, c.get('userId'), { limit, after })
    return c.json({
      data: page.sessions,
      has_more: page.next !== undefined,
      next_cursor: page.next ? encodeCursor(page.next) : null,
    } satisfies Page<Session>)
  })
  .get('/:session_id', needsUser, path(SessionPath), async (c) => {
    const { session_id: id } = c.req.valid('param')
    return c.json(found(await findSession(c.get('deps').db, c.get('userId'), id)))
  })
  .patch(
    '/:session_id',
    needsUser,
    path(SessionPath),
    jsonBody(SessionChangeRequest),
    async (c) => {
      const { session_id: id } = c.req.valid('param')
      const change = c.req.valid('json')
      return c.json(found(await changeSession(c.get('deps').db, c.get('userId'), id, change)))
    },
  )
  .delete('/:session_id', needsUser, path(SessionPath), async (c) => {
    const { session_id: id } = c.req.valid('param')
    const erased = await deleteSession(c.get('deps').db, c.get('userId'), id)
    if (erased === undefined) throw new Problem('not_found')
    await tellLiveReplies(c, erased.running)
    return c.body(null, 204)
  })

function found(session: Session | undefined): Session {
  if (session === undefined) throw new Problem('not_found')
  return session
}
