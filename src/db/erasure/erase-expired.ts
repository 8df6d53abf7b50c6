import { sql } from 'kysely'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'
import { sessionLockKey } from '../session-lock.ts'

/** Bounds the rows that a call looks at, each on a page of its own, and those that it deletes. */
const maxLookedAt = 2_000
const maxSessions = 500
const maxMessages = 5_000

/** The ids after `after`, up to and including `until`. */
export interface IdRange {
  after: string
  until: string
}

/** The result of a call. */
export interface Expired {
  /** How many sessions it looked at, up to `reached`. */
  lookedAt: number
  erased: number
  /** The id of the last of these; undefined: the end of the range. */
  reached: string | undefined
}

/**
 * Erases sessions with their messages after so many days without activity: the first ones in a range of ids. It walks the
 * primary key, because an index on the activity would make every turn more expensive. It waits for nothing: it leaves a
 * session with a running reply, or with a lock that is taken, for another day.
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
