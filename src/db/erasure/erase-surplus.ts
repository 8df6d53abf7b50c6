import { sql } from 'kysely'
import { rowsOf } from '../rows-of.ts'
import { sessionLockKey } from '../session-lock.ts'

/** How many sessions without messages a user may have. They cost nothing to create, so the oldest make room. */
export const maxEmptySessions = 20

/** Bounds a call for a user who has very many of them, from before this limit: the next calls erase the others. */
const maxErased = 500

/**
 * The first statement of a batch that gives a user sessions without messages: it waits for other such batches. The batch
 * takes it before any lock of a session, so that no two calls wait for each other.
 */
export function lockEmptySessions(userId: string) {
  return rowsOf({})`
select pg_advisory_xact_lock(hashtextextended('empty sessions of ' || ${userId}, 0))`
}

/**
 * The last statement of such a batch: erases what a user has beyond `maxEmptySessions`, oldest first. It waits for
 * nothing: a session whose lock is taken is just receiving its first message, or is being erased. After a lock was
 * free, Postgres reads the row again, and keeps a session that has received a message meanwhile.
 * @param newId a session that this batch created, and that stays
 */
export function eraseSurplus(userId: string, newId?: string) {
  const others = newId === undefined ? sql`` : sql`and id <> ${newId}`
  const kept = newId === undefined ? maxEmptySessions : maxEmptySessions - 1
  return rowsOf({})`
with surplus as materialized (
  select id from sessions where user_id = ${userId} and empty_since is not null ${others}
  order by empty_since desc, id desc offset ${kept} limit ${maxErased}
), locked as materialized (
  select id from surplus where pg_try_advisory_xact_lock(${sessionLockKey(sql`id`)})
)
delete from sessions
where id = any (array(select id from locked)) and user_id = ${userId} and empty_since is not null`
}
