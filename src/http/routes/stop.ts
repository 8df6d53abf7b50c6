import { Hono } from 'hono'
import { stopTurn } from '../../db/turns/stop-turn.ts'
import { Problem } from '../../errors.ts'
import { NoBody, SessionPath } from '../../protocol.ts'
import type { AppEnv } from '../app-env.ts'
import { jsonBody } from '../json.ts'
import { needsUser } from '../middleware/identity.ts'
import { path } from '../validate.ts'

/** Stops a turn from any tab and any isolate: the Worker that runs it ends it at its next checkpoint and keeps the text. */
export const stop = new Hono<AppEnv>().post(
  '/',
  needsUser,
  path(SessionPath),
  jsonBody(NoBody),
  async (c) => {
    const { session_id: sessionId } = c.req.valid('param')
    const stopped = await stopTurn(c.get('deps').db, c.get('userId'), sessionId)
    if (stopped === undefined) throw new Problem('not_found')
    return c.json({ stopped: stopped.stopped })
  },
)
