import type { Context } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { liveReply } from './live-replies.ts'

/**
 * Tells the objects of running replies that their sessions were erased, or belong to another user (`movedTo`): afterwards,
 * nobody can join them by the identity that the turn began with. Never rejects. An object that does not answer
 * learns of an erasure at its next checkpoint.
 */
export async function tellLiveReplies(
  c: Pick<Context<AppEnv>, 'env' | 'get'>,
  running: readonly string[],
  { movedTo }: { movedTo?: string } = {},
): Promise<void> {
  await Promise.all(
    running.map(async (replyId) => {
      const live = liveReply(c.env.LIVE_REPLIES, { replyId, requestId: c.get('requestId') })
      await (movedTo === undefined ? live?.erased() : live?.moved({ userId: movedTo }))
    }),
  )
}
