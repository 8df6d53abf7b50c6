import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { visitorIdOf } from '../../auth/visitor-token.ts'
import { claimSomeSessions } from '../../db/claim-sessions.ts'
import { needsLogin, needsUser } from '../middleware/identity.ts'
import { jsonBody } from '../json.ts'
import { ClaimRequest } from '../../protocol.ts'

/**
 * The caller proves both: who is signed in by the JWT, and the visitor by the token. Where the calls to the database
 * come to an end before the sessions do, it is a 503, and the next request goes on.
 */
export const claim = new Hono<AppEnv>().post(
  '/',
  needsUser,
  needsLogin,
  jsonBody(ClaimRequest),
  async (c) => {
    const visitorId = await visitorIdOf(c.req.valid('json').visitor_token)
    const users = { visitorId, userId: c.get('userId') }
    let claimed = 0
    for (let more = true; more;) {
      const moved = await claimSomeSessions(c.get('deps').db, users)
      claimed += moved.claimed
      more = moved.more
    }
    return c.json({ claimed })
  },
)
