import type { Context } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { liveReply } from './live-replies.ts'

/**
 * Tells the objects of running replies that their sessions were erased, or belong to another user. It does not wait for
 * them: without the news, they learn of an erasure at their next checkpoint.
 */
export function leaveSessions(
  c: Pick<Context<AppEnv>, 'env' | 'executionCtx'>,
  running: readonly string[],
  message: { isErased: boolean },
): void {
  for (const replyId of running) {
    const left = liveReply(c.env.LIVE_REPLIES, replyId)?.leave(message)
    if (left) c.executionCtx.waitUntil(left)
  }
}
