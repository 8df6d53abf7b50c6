import { sql } from 'kysely'
import * as column from './columns.ts'
import { rowsOf } from './rows-of.ts'
import type { Database } from './database.ts'
import { sessionLock } from './session-lock.ts'

/** A call is bounded by its locks, of which a server has some thousands, for everybody. */
const maxSessions = 500

/**
 * Moves some of a visitor's sessions to a user. To be called until none is left; a call whose answer was lost is
 * repeated safely. A turn that runs in a session goes on there: it writes by its lease.
 *
 * The locks are taken in the order of ids, so that no two such calls wait for each other, and keep the owner from
 * changing in the midst of a begin. One statement is enough: the row that a lock waited for is read anew before it is
 * written, and one that somebody else has claimed meanwhile is left to them.
 * @returns how many were moved, and whether there may be more
 */
export async function claimSomeSessions(
  db: Database,
  { visitorId, userId }: { visitorId: string; userId: string },
): Promise<{ claimed: number; more: boolean }> {
  const [[row]] = await db.batch([
    rowsOf({ claimed: column.integer, more: column.boolean })`
with theirs as materialized (
  select id from sessions where user_id = ${visitorId}
), locked as materialized (
  select id, ${sessionLock(sql`id`)} from (select id from theirs order by id limit ${maxSessions}) batch
), claimed as (
  update sessions set user_id = ${userId} from locked
  where sessions.id = locked.id and user_id = ${visitorId}
  returning sessions.id
)
select (select count(*) from claimed)::integer as claimed,
  (select count(*) from locked) = ${maxSessions} as more`.compile(db.kysely),
  ])
  if (row === undefined) throw new Error('claim returned no row')
  return row
}
