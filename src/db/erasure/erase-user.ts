import { sql } from 'kysely'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'
import { runningReplies } from '../running-replies.ts'
import { sessionLock } from '../session-lock.ts'

/** Bounds the locks of a call, of which a server has some thousands, and the rows that it deletes. */
const maxSessions = 100
const maxMessages = 5_000

/**
 * Erases some of a user's sessions with all their messages, even while replies are streaming. The caller repeats it until
 * no session is left, and may repeat a call whose answer was lost.
 *
 * The locks are taken in the order of ids, so that two calls never wait for each other. One statement is enough: after
 * it has waited for a lock, Postgres reads the row again before it deletes it, and keeps a session that was claimed
 * meanwhile. The foreign key then deletes the messages that exist at that time. The ids are an array, as for a join
 * Postgres may read all sessions of the user.
 * @returns how many sessions were erased, whether there are more, and the replies that were streaming
 */
export async function eraseSomeOfUser(
  db: Database,
  userId: string,
): Promise<{ erased: number; more: boolean; running: string[] }> {
  const [[row]] = await db.batch([
    rowsOf({ erased: column.integer, more: column.boolean, running: column.uuids })`
with mine as materialized (
  -- One more than a call may erase shows whether there are more.
  select id, next_seq from sessions where user_id = ${userId} order by id limit ${maxSessions + 1}
), next as (
  select id, sum(next_seq) over (order by id) - next_seq as messages_before
  from (select * from mine order by id limit ${maxSessions}) nearest
), locked as materialized (
  select id, ${sessionLock(sql`id`)} from (
    select id from next where messages_before < ${maxMessages} order by id
  ) batch
), erased as (
  delete from sessions where id = any (array(select id from locked)) and user_id = ${userId} returning id
)
select (select count(*) from erased)::integer as erased,
  (select count(*) from mine) > (select count(*) from locked) as more,
  ${runningReplies(sql`select id from erased`)} as running`.compile(db.kysely),
  ])
  if (row === undefined) throw new Error('erase returned no row')
  return row
}
