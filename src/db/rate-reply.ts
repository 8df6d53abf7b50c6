import type { Message } from '../protocol.ts'
import type { Database } from './database.ts'
import { currentStatus, storedColumns, toMessage } from './messages.ts'

/**
 * Replaces the visitor's feedback on a reply; a `rating` of null, with no comment, removes it. A running turn may write
 * the same row, but not the same columns, so neither write overwrites the other.
 * @returns the reply; undefined if the user has no such reply
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
    .returning(storedColumns)
    .returning(currentStatus)
    .executeTakeFirst()
  return row && toMessage(row)
}
