import { sql } from 'kysely'
import * as column from './columns.ts'
import type { Database } from './database.ts'
import { eraseSurplus, lockEmptySessions } from './erasure/erase-surplus.ts'
import { rowsOf } from './rows-of.ts'
import { runningReplies } from './running-replies.ts'
import { sessionLock } from './session-lock.ts'

/** Bounds the locks of a call: a server has some thousands of them for all connections. */
const maxSessions = 500

/**
 * Moves some of a visitor's sessions to a user. The caller repeats it until no session is left, and may repeat a call
 * whose answer was lost. A turn that is running in a session continues, because it writes by its lease.
 *
 * The locks keep a session's user from changing during a begin. They are taken in the order of ids, so that two calls
 * never wait for each other. One statement moves them: after it has waited for a lock, Postgres reads the row again, and
 * does not move a session that another user has claimed meanwhile. The user may then have too many sessions without
 * messages, so the oldest of these are erased. The ids are an array, as for a join Postgres may read all sessions of the
 * visitor.
 * @returns how many sessions were moved, whether there may be more, and the replies that the moved sessions are writing
 */
export async function claimSomeSessions(
  db: Database,
  { visitorId, userId }: { visitorId: string; userId: string },
): Promise<{ claimed: number; more: boolean; running: string[] }> {
  const [, [row]] = await db.batch([
    lockEmptySessions(userId).compile(db.kysely),
    rowsOf({ claimed: column.integer, more: column.boolean, running: column.uuids })`
with locked as materialized (
  select id, ${sessionLock(sql`id`)} from (
    select id from sessions where user_id = ${visitorId} order by id limit ${maxSessions}
  ) batch
), claimed as (
  update sessions set user_id = ${userId} where id = any (array(select id from locked)) and user_id = ${visitorId}
  returning id
)
select (select count(*) from claimed)::integer as claimed,
  (select count(*) from locked) = ${maxSessions} as more,
  ${runningReplies(sql`select id from claimed`)} as running`.compile(db.kysely),
    eraseSurplus(userId).compile(db.kysely),
  ])
  if (row === undefined) throw new Error('claim returned no row')
  return row
}
