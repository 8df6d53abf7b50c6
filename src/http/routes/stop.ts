import { Hono } from 'hono'
import { stopTurn } from '../../db/turns/stop-turn.ts'
import { Problem } from '../../errors.ts'
import { NoBody, SessionPath } from '../../protocol.ts'
import type { AppEnv } from '../app-env.ts'
import { jsonBody } from '../json.ts'
import { liveReply } from '../live/live-replies.ts'
import { needsUser } from '../middleware/identity.ts'
import { path } from '../validate.ts'

/**
 * Stops a turn from any tab and any isolate, and keeps its text. The stop is written to the row first. Then the object that
 * writes the reply ends it at once; a turn without an object ends at its next checkpoint.
 */
export const stop = new Hono<AppEnv>().post(
  '/',
  needsUser,
  path(SessionPath),
  jsonBody(NoBody),
  async (c) => {
    const { session_id: sessionId } = c.req.valid('param')
    const found = await stopTurn(c.get('deps').db, c.get('userId'), sessionId)
    if (found === undefined) throw new Problem('not_found')
    const { running } = found
    if (running !== null) {
      const ids = { replyId: running.replyId, requestId: c.get('requestId') }
      await liveReply(c.env.LIVE_REPLIES, ids)?.stop({ lease: running.lease })
    }
    return c.json({ stopped: running !== null })
  },
)
