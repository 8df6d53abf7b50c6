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

/** Sessions whose last activity is in a range; `until` is not included. Both are ISO 8601. */
export function activeBetween(
  since: string | undefined,
  until: string | undefined,
): RawBuilder<unknown>[] {
  return [
    ...(since === undefined
      ? []
      : [sql`active_hour >= activity_hour(${since}) and ${lastActivity} >= ${since}::timestamptz`]),
    ...(until === undefined
      ? []
      : [sql`active_hour <= activity_hour(${until}) and ${lastActivity} < ${until}::timestamptz`]),
  ]
}

/**
 * The first `limit` sessions after a position that meet the conditions, with their `last_activity`. An index returns them
 * by the hour, so that Postgres sorts no more than the sessions of one hour.
 */
export function walkSessions(
  conditions: readonly RawBuilder<unknown>[],
  { after, limit }: { after: SessionPosition | undefined; limit: number },
): RawBuilder<unknown> {
  const all = [
    ...conditions,
    ...(after === undefined
      ? []
      : [
          sql`active_hour <= activity_hour(${after.lastActivity})
    and (${lastActivity}, id) < (${after.lastActivity}::timestamptz, ${after.id}::uuid)`,
        ]),
  ]
  const where = all.length === 0 ? sql`` : sql`where ${sql.join(all, sql` and `)}`
  return sql`
  select *, ${lastActivity} as last_activity from sessions ${where}
  order by active_hour desc, ${lastActivity} desc, id desc limit ${limit}`
}

const pageColumns = {
  ...tables.sessions,
  last_activity: column.timestamp,
  fetched: column.integer,
}

/** A page of sessions that meet the conditions, latest activity first, as a query. `pageOf` reads its rows. */
export function sessionPage(
  db: Database,
  conditions: readonly RawBuilder<unknown>[],
  { limit, after }: { limit: number; after?: SessionPosition | undefined },
): CompiledQuery<RowOf<typeof pageColumns>> {
  return rowsOf(pageColumns)`
with nearest as (${walkSessions(conditions, { after, limit: limit + 1 })}
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
