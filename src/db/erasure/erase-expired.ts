import { sql } from 'kysely'
import * as column from '../columns.ts'
import { rowsOf } from '../rows-of.ts'
import type { Database } from '../database.ts'
import { sessionLockKey } from '../session-lock.ts'

/** A call is bounded by the rows that it looks at, each on a page of its own, and by those that it deletes. */
const maxLookedAt = 2_000
const maxSessions = 500
const maxMessages = 5_000

/** Ids in their order: those after `after`, up to and with `until`. */
export interface IdRange {
  after: string
  until: string
}

/** What a call did. */
export interface Expired {
  /** Up to where all is done. */
  lookedAt: number
  erased: number
  /** The id of the last of these; undefined: the end of the range. */
  reached: string | undefined
}

/**
 * Erases sessions without activity for so many days, with their messages: the first of a range of ids, which is walked
 * along the primary key, since no index on the activity is kept (it would make every turn dearer). Who is busy is left
 * for another day: one with a running reply, or whose lock is taken, so that this waits for nobody.
 */
export async function eraseExpired(db: Database, days: number, range: IdRange): Promise<Expired> {
  const isExpired = sql`coalesce(last_message_at, created_at) < statement_timestamp() - ${days} * interval '1 day'`
  const [[row]] = await db.batch([
    rowsOf({
      looked_at: column.integer,
      erased: column.integer,
      reached: column.nullable(column.uuid),
    })`
with looked as materialized (
  select id, next_seq, ${isExpired} as expired from sessions
  where id > ${range.after} and id <= ${range.until}
  order by id limit ${maxLookedAt}
), due as (
  select id, row_number() over walk as place, sum(next_seq) over walk - next_seq as messages_before
  from looked where expired window walk as (order by id)
), next as (
  select id from due where place <= ${maxSessions} and messages_before < ${maxMessages}
), locked as materialized (
  select id, pg_try_advisory_xact_lock(${sessionLockKey(sql`id`)}) as is_mine from next
), erased as (
  delete from sessions using locked
  where sessions.id = locked.id and is_mine and ${isExpired}
    and not exists (
      select from messages
      where session_id = locked.id and status = 'streaming' and lease_expires_at > statement_timestamp())
  returning sessions.id
), reached as (
  select case
    when (select count(*) from due) > (select count(*) from next) then (select id from next order by id desc limit 1)
    when (select count(*) from looked) = ${maxLookedAt} then (select id from looked order by id desc limit 1)
  end as id
)
select (select count(*) from looked where reached.id is null or looked.id <= reached.id)::integer as looked_at,
  (select count(*) from erased)::integer as erased, reached.id as reached
from reached`.compile(db.kysely),
  ])
  if (row === undefined) throw new Error('erase returned no row')
  return { lookedAt: row.looked_at, erased: row.erased, reached: row.reached ?? undefined }
}
