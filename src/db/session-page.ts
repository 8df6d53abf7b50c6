import { type CompiledQuery, type RawBuilder, sql } from 'kysely'
import * as column from './columns.ts'
import type { Database } from './database.ts'
import { pageBytes, sessionBytes } from './page-bytes.ts'
import { type RowOf, rowsOf } from './rows-of.ts'
import { tables } from './schema.ts'

/** A place in a list of sessions, latest activity first. */
export interface SessionPosition {
  /** ISO 8601 with milliseconds, the precision of the column. */
  lastActivity: string
  id: string
}

const lastActivity = sql<Date>`coalesce(last_message_at, created_at)`

/**
 * A condition that only cuts the hours at the ends of a range. In this form, Postgres assumes that it leaves nearly all
 * rows. It would otherwise assume a third, and rather sort all sessions of the range than walk the index.
 */
const cutting = (condition: RawBuilder<unknown>) => sql`nullif(${condition}, false) is not null`

/** Sessions whose last activity is in a range; `until` is not included. Both are ISO 8601. */
export function activeBetween(
  since: string | undefined,
  until: string | undefined,
): RawBuilder<unknown>[] {
  return [
    ...(since === undefined
      ? []
      : [
          sql`active_hour >= activity_hour(${since})`,
          cutting(sql`${lastActivity} >= ${since}::timestamptz`),
        ]),
    ...(until === undefined
      ? []
      : [
          sql`active_hour <= activity_hour(${until})`,
          cutting(sql`${lastActivity} < ${until}::timestamptz`),
        ]),
  ]
}

/** Which sessions a list holds. */
export interface SessionRange {
  /** Undefined: those of all users. */
  userId: string | undefined
  after?: SessionPosition | undefined
  conditions?: readonly RawBuilder<unknown>[]
}

/**
 * The first `limit` sessions of a range, with their `last_activity`. An index returns them by the hour, so that Postgres
 * sorts no more than the sessions of one hour. The order of a user's list is the one of the index `sessions_user_activity`.
 */
export function walkSessions(
  { userId, after, conditions = [] }: SessionRange,
  limit: number,
): RawBuilder<unknown> {
  const all = [
    ...(userId === undefined ? [] : [sql`user_id = ${userId}`]),
    ...conditions,
    ...(after === undefined
      ? []
      : [
          sql`active_hour <= activity_hour(${after.lastActivity})`,
          cutting(
            sql`(${lastActivity}, id) < (${after.lastActivity}::timestamptz, ${after.id}::uuid)`,
          ),
        ]),
  ]
  const where = all.length === 0 ? sql`` : sql`where ${sql.join(all, sql` and `)}`
  const direction = userId === undefined ? sql`desc` : sql`desc nulls last`
  return sql`
  select *, ${lastActivity} as last_activity from sessions ${where}
  order by active_hour ${direction}, ${lastActivity} desc, id desc limit ${limit}`
}

const pageColumns = {
  ...tables.sessions,
  last_activity: column.timestamp,
  fetched: column.integer,
}

/** A page of sessions, latest activity first, as a query. `pageOf` reads its rows. */
export function sessionPage(
  db: Database,
  range: SessionRange,
  limit: number,
): CompiledQuery<RowOf<typeof pageColumns>> {
  return rowsOf(pageColumns)`
with nearest as (${walkSessions(range, limit + 1)}
), measured as (
  select *, row_number() over walk as place, count(*) over ()::integer as fetched, sum(${sessionBytes}) over walk as bytes
  from nearest window walk as (order by last_activity desc, id desc)
)
select * from measured
where place <= ${limit} and (place = 1 or bytes <= ${pageBytes})
order by place`.compile(db.kysely)
}

/** @returns the sessions, and where the next page begins; undefined if this is the last one */
export function pageOf<Item>(
  rows: readonly RowOf<typeof pageColumns>[],
  toItem: (row: RowOf<typeof pageColumns>) => Item,
): { sessions: Item[]; next: SessionPosition | undefined } {
  const last = rows.at(-1)
  return {
    sessions: rows.map(toItem),
    next: last !== undefined && rows.length < last.fetched ? positionOf(last) : undefined,
  }
}

export function positionOf(row: { last_activity: Date; id: string }): SessionPosition {
  return { lastActivity: row.last_activity.toISOString(), id: row.id }
}
