import { Hono } from 'hono'
import { eraseSomeOfUser } from '../../db/erasure/erase-user.ts'
import { Problem } from '../../errors.ts'
import { databaseCalls } from '../../limits.ts'
import type { AppEnv } from '../app-env.ts'
import { tellLiveReplies } from '../live/session-news.ts'
import { needsUser } from '../middleware/identity.ts'

/**
 * Erases every session of the user with all its messages, even while replies are streaming. Today's spending stays. A
 * turn that has not been answered yet counts as a later request: it may store its session after the erasure.
 */
export const me = new Hono<AppEnv>().delete('/', needsUser, async (c) => {
  const told: Promise<void>[] = []
  for (let calls = 0; calls < databaseCalls.perRequest; calls += 1) {
    const { more, running } = await eraseSomeOfUser(c.get('deps').db, c.get('userId'))
    told.push(tellLiveReplies(c, running))
    if (more) continue
    await Promise.all(told)
    return c.body(null, 204)
  }
  await Promise.all(told)
  throw new Problem('erase_unfinished', {
    detail: 'Send the same request again to erase the other sessions',
    retryAfterSeconds: 1,
  })
})
