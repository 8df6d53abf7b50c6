import { Hono } from 'hono'
import { visitorIdOf } from '../../auth/visitor-token.ts'
import { claimSomeSessions } from '../../db/claim-sessions.ts'
import { Problem } from '../../errors.ts'
import { databaseCalls } from '../../limits.ts'
import { ClaimRequest } from '../../protocol.ts'
import type { AppEnv } from '../app-env.ts'
import { jsonBody } from '../json.ts'
import { tellLiveReplies } from '../live/session-news.ts'
import { needsLogin, needsUser } from '../middleware/identity.ts'

/** The caller must prove both identities: the signed-in user's by the JWT, and the visitor's by the token. */
export const claim = new Hono<AppEnv>().post(
  '/',
  needsUser,
  needsLogin,
  jsonBody(ClaimRequest),
  async (c) => {
    const visitorId = await visitorIdOf(c.req.valid('json').visitor_token)
    const users = { visitorId, userId: c.get('userId') }
    let claimed = 0
    const told: Promise<void>[] = []
    for (let calls = 0; calls < databaseCalls.perRequest; calls += 1) {
      const moved = await claimSomeSessions(c.get('deps').db, users)
      claimed += moved.claimed
      told.push(tellLiveReplies(c, moved.running, { movedTo: users.userId }))
      if (moved.more) continue
      await Promise.all(told)
      return c.json({ claimed })
    }
    await Promise.all(told)
    throw new Problem('claim_unfinished', {
      detail: 'Send the same request again to claim the other sessions',
      retryAfterSeconds: 1,
      members: { claimed },
    })
  },
)
