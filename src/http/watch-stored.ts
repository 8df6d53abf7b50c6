import type { Database } from '../db/database.ts'
import { findReplyGrowth } from '../db/reply-growth.ts'
import { databaseCalls } from '../limits.ts'
import type { EndedTurn } from '../turn/complete-turn.ts'
import { followReply } from '../turn/follow-reply.ts'
import { createJoinLoad } from '../turn/join-load.ts'
import type { StoredReply } from '../turn/turn.ts'
import type { TurnNews } from '../turn/watch.ts'

/** Reads of one stream after the one that found the reply. */
const maxReads = databaseCalls.perRequest - 1

/** Of this isolate. */
const loadOf = createJoinLoad()

/**
 * Watches a reply from any isolate, by what its turn has stored. If the news end without an end, the client joins again
 * from where it is. Each caller reads for itself: a reader that several clients share would run in the request of one of
 * them, and end with it.
 * @param from the place in the text, in UTF-16 units
 */
export function watchStored(
  db: Database,
  session: { userId: string; sessionId: string },
  first: StoredReply,
  from: number,
): AsyncGenerator<TurnNews<EndedTurn>, void> {
  const key = { ...session, id: first.reply.id }
  return followReply({
    first,
    readGrowth: (codePoints) => findReplyGrowth(db, key, codePoints),
    from,
    maxReads,
    load: first.reply.status === 'streaming' ? loadOf(Date.now()) : 0,
  })
}
