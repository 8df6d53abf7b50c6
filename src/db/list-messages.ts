import { type CompiledQuery, sql } from 'kysely'
import * as column from './columns.ts'
import type { Database } from './database.ts'
import {
  currentStatus,
  type History,
  messageColumns,
  storedColumns,
  toMessage,
} from './messages.ts'
import { leastMessageBytes, messageBytes, pageBytes } from './page-bytes.ts'
import { type RowOf, rowsOf } from './rows-of.ts'

export interface HistoryRange {
  sessionId: string
  userId: string
  limit: number
  /** Messages with a smaller `seq`, newest first. */
  before?: number | undefined
  /** Messages with a larger `seq`, oldest first. */
  after?: number | undefined
  superseded?: boolean | undefined
}

const historyColumns = { ...messageColumns, fetched: column.integer }
type HistoryRow = RowOf<typeof historyColumns>

/**
 * Reads a page of a session's messages: the newest ones, those before a `seq`, or those after one. The page is cut at
 * 1 MiB of all that it carries, and never empty before the end.
 * @returns undefined if the user has no such session
 */
export async function listMessages(
  db: Database,
  range: HistoryRange,
): Promise<History | undefined> {
  const [[session], rows] = await db.batch([
    db.kysely
      .selectFrom('sessions')
      .select('id')
      .where('id', '=', range.sessionId)
      .where('user_id', '=', range.userId)
      .compile(),
    historyQuery(db, range),
  ])
  return (
    session && {
      messages: rows.map(toMessage),
      hasMore: rows[0] !== undefined && rows.length < rows[0].fetched,
    }
  )
}

/** Reads one row more than `limit`, so that `fetched` shows whether there are more. */
function historyQuery(db: Database, range: HistoryRange): CompiledQuery<HistoryRow> {
  const { sessionId, userId, limit, before, after, superseded } = range
  const direction = after === undefined ? sql`desc` : sql`asc`
  const bounds = [
    ...(before === undefined ? [] : [sql`and seq < ${before}`]),
    ...(after === undefined ? [] : [sql`and seq > ${after}`]),
  ]
  const inRange = (status: 'superseded' | 'other') => sql`
select * from messages
where session_id = ${sessionId} and status ${status === 'superseded' ? sql`=` : sql`<>`} 'superseded' ${sql.join(bounds, sql` `)}
order by seq ${direction} limit ${limit + 1}`
  // Each part uses its own partial index, so that superseded replies cost nothing unless they are requested.
  const nearest = superseded
    ? sql`select * from ((${inRange('other')}) union all (${inRange('superseded')})) merged order by seq ${direction} limit ${limit + 1}`
    : inRange('other')
  return rowsOf(historyColumns)`
with nearest as (
  ${nearest}
), placed as (
  select *, row_number() over walk as place, count(*) over ()::integer as fetched,
    sum(${leastMessageBytes}) over walk as least_bytes
  from nearest window walk as (order by seq ${direction})
), measured as (
  select *, sum(${messageBytes}) over (order by place) as bytes from placed
  where place <= ${limit} and (place = 1 or least_bytes <= ${pageBytes})
)
select ${sql.join(storedColumns.map((name) => sql.ref(name)))}, fetched, ${currentStatus} from measured messages
where (place = 1 or bytes <= ${pageBytes})
  and exists (select from sessions where id = ${sessionId} and user_id = ${userId})
order by seq`.compile(db.kysely)
}
