import { sql } from 'kysely'
import * as column from '../columns.ts'
import { rowsOf } from '../rows-of.ts'
import type { Database } from '../database.ts'
import { sessionLock } from '../session-lock.ts'

/** A batch is bounded by its locks, of which a server has some thousands, and by the rows that it deletes. */
const maxSessions = 100
const maxMessages = 5_000

/**
 * Erases some of a user's sessions with all their messages, also when replies are streaming. To be called until none
 * is left; a call whose answer was lost is repeated safely.
 *
 * The locks are taken in the order of ids, so that no two such calls wait for each other. One statement is enough:
 * the row that a lock waited for is read anew before it is deleted (one that was claimed meanwhile stays), and its
 * messages go by the foreign key, which sees them as they are by then.
 * @returns how many were erased, and whether there are more
 */
export async function eraseSomeOfUser(
  db: Database,
  userId: string,
): Promise<{ erased: number; more: boolean }> {
  const [[row]] = await db.batch([
    rowsOf({ erased: column.integer, more: column.boolean })`
with mine as materialized (
  select id, next_seq from sessions where user_id = ${userId}
), next as (
  select id, sum(next_seq) over (order by id) - next_seq as messages_before
  from (select * from mine order by id limit ${maxSessions}) nearest
), locked as materialized (
  select id, ${sessionLock(sql`id`)} from (
    select id from next where messages_before < ${maxMessages} order by id
  ) batch
), erased as (
  delete from sessions using locked where sessions.id = locked.id and user_id = ${userId} returning sessions.id
)
select (select count(*) from erased)::integer as erased,
  (select count(*) from mine) > (select count(*) from locked) as more`.compile(db.kysely),
  ])
  if (row === undefined) throw new Error('erase returned no row')
  return row
}
