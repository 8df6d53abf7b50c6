import type { Message } from '../protocol.ts'
import type { Database } from './database.ts'
import { currentStatus, toMessage } from './messages.ts'

/**
 * Puts the visitor's feedback on a reply in place of what was there; a `rating` of null, with no comment, takes it
 * away. It touches the row that a running turn writes, but none of its columns: neither loses what the other stored.
 * @returns the reply; undefined where the user has no such reply
 */
export async function rateReply(
  { kysely }: Database,
  { userId, sessionId, replyId }: { userId: string; sessionId: string; replyId: string },
  { rating, comment }: { rating: 'up' | 'down' | null; comment: string | null },
): Promise<Message | undefined> {
  const row = await kysely
    .updateTable('messages')
    .set({ rating, rating_comment: comment })
    .where('session_id', '=', sessionId)
    .where('id', '=', replyId)
    .where('role', '=', 'assistant')
    .where((builder) =>
      builder.exists(
        builder
          .selectFrom('sessions')
          .select('sessions.id')
          .where('sessions.id', '=', sessionId)
          .where('user_id', '=', userId),
      ),
    )
    .returningAll()
    .returning(currentStatus)
    .executeTakeFirst()
  return row && toMessage(row)
}
