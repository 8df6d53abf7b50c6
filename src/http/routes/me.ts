import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { eraseSomeOfUser } from '../../db/erasure/erase-user.ts'
import { Problem } from '../../errors.ts'
import { needsUser } from '../middleware/identity.ts'

/** Calls to the database of one request, of the 50 that the platform gives it. */
const maxCalls = 45

/**
 * Erases every session of the user with all its messages, also while replies are streaming; what was spent today stays
 * spent. A turn whose request has not been answered yet counts as sent later: it may store its session after this.
 */
export const me = new Hono<AppEnv>().delete('/', needsUser, async (c) => {
  for (let calls = 0; calls < maxCalls; calls += 1) {
    const { more } = await eraseSomeOfUser(c.get('deps').db, c.get('userId'))
    if (!more) return c.body(null, 204)
  }
  throw new Problem('erase_unfinished', {
    detail: 'Much is erased, not all: send the same request again, it goes on',
    retryAfterSeconds: 1,
  })
})
