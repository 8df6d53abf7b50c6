import { type RawBuilder, sql } from 'kysely'

/**
 * The ids of the replies that sessions are writing, as an array, in a statement that erases or moves these sessions: it
 * still reads the rows as they were before.
 * @param sessions a query for the sessions' ids
 */
export function runningReplies(sessions: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`array(
    select id from messages where session_id = any (array(${sessions})) and status = 'streaming'
  )`
}
