import type { Context } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { liveReply } from './live-replies.ts'

/**
 * Tells the objects of running replies that their sessions were erased, or belong to another user: afterwards, nobody can
 * join them by the identity that the turn began with. Never rejects. An object that does not answer learns of an erasure
 * at its next checkpoint.
 */
export async function leaveSessions(
  c: Pick<Context<AppEnv>, 'env'>,
  running: readonly string[],
  message: { isErased: boolean },
): Promise<void> {
  await Promise.all(
    running.map(async (replyId) => liveReply(c.env.LIVE_REPLIES, replyId)?.leave(message)),
  )
}
