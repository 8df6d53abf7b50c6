import { sql } from 'kysely'
import { limits } from '../limits.ts'
import type { Message, Session } from '../protocol.ts'
import * as column from './columns.ts'
import type { Database } from './database.ts'
import { currentStatus, messageColumns, type MessageRecord, toMessage } from './messages.ts'
import { leastMessageBytes, messageBytes, pageBytes } from './page-bytes.ts'
import { type RowOf, rowsOf } from './rows-of.ts'
import { tables } from './schema.ts'
import { toSession } from './sessions.ts'

/** A position in the data of a user: sessions are ordered by id, and the messages of each by `seq`. */
export interface ExportPosition {
  sessionId: string
  /** Of the last message that was read; 0: only the session was read. */
  seq: number
}

/** Before all sessions, because no session has the nil id. */
export const exportStart: ExportPosition = {
  sessionId: '00000000-0000-0000-0000-000000000000',
  seq: 0,
}

/** A session at its first item, and a message. A session without messages is one item. */
export interface ExportItem {
  sessionId: string
  session?: Session
  message?: Message
}

export interface ExportPage {
  items: ExportItem[]
  /** The beginning of the next page; undefined if this is the last page. */
  next: ExportPosition | undefined
}

const { sessions } = tables
const itemColumns = {
  /** Null if the session has no messages. */
  ...column.eachNullable(messageColumns),
  /** Null except at the first item of a session. */
  session_title: sessions.title,
  session_metadata: column.nullable(sessions.metadata),
  session_created_at: column.nullable(sessions.created_at),
  session_last_message_at: sessions.last_message_at,
  in_session: sessions.id,
  begins: column.boolean,
  /** Items of this page and the following ones, as far as this call looked: never fewer than there are. */
  items_left: column.integer,
}
type ItemRow = RowOf<typeof itemColumns>

const { current_status: _, ...storedColumns } = messageColumns
const messageFields = sql.join(Object.keys(storedColumns).map((name) => sql.ref(name)))

/** No message has a larger `seq`. */
const lastSeq = 2_147_483_647

/**
 * Reads a user's data after a position, superseded replies included: a page of at most `limits.pageMax` items, cut at
 * 1 MiB of all that they carry, and never empty before the end. One statement reads it, so that a session is never
 * exported in part. `next_seq` bounds how many messages to fetch from each session, so that no row is read in vain.
 */
export async function exportPage(
  db: Database,
  userId: string,
  after: ExportPosition,
  options?: { timeoutMs?: number },
): Promise<ExportPage> {
  const [rows] = await db.batch([pageQuery(db, userId, after)], options)
  const last = rows.at(-1)
  const isLast = last === undefined || rows.length >= last.items_left
  return {
    items: rows.map(toItem),
    next: isLast
      ? undefined
      : {
          sessionId: last.in_session,
          // Skips a session whose messages were deleted by hand: it has fewer than `next_seq` says.
          seq: last.seq ?? (last.begins ? 0 : lastSeq),
        },
  }
}

function toItem(row: ItemRow): ExportItem {
  return {
    sessionId: row.in_session,
    ...(row.begins && { session: sessionOf(row) }),
    ...(hasMessage(row) && { message: toMessage(row) }),
  }
}

/** The columns of a message are null together. */
function hasMessage(row: ItemRow): row is ItemRow & MessageRecord {
  return row.id !== null
}

function sessionOf(row: ItemRow): Session {
  return toSession({
    id: row.in_session,
    title: row.session_title,
    metadata: row.session_metadata ?? {},
    created_at: row.session_created_at ?? new Date(0),
    last_message_at: row.session_last_message_at,
  })
}

function pageQuery(db: Database, userId: string, { sessionId, seq }: ExportPosition) {
  // Each part uses its own partial index.
  const messagesOf = (superseded: boolean) => sql`(
  select * from messages
  where session_id = planned.id and status ${superseded ? sql`=` : sql`<>`} 'superseded' and seq > planned.after_seq
  order by seq limit ${limits.pageMax} - planned.items_before)`
  return rowsOf(itemColumns)`
with nearest as (
  select id, user_id, title, metadata, created_at, last_message_at, id = ${sessionId} as is_begun,
    case id when ${sessionId} then ${seq}::integer else 0 end as after_seq,
    case id when ${sessionId} then greatest(next_seq - 1 - ${seq}::integer, 0) else greatest(next_seq - 1, 1) end as items
  from sessions where user_id = ${userId} and id >= ${sessionId} order by id limit ${limits.pageMax + 2}
), planned as (
  select *, (sum(items) over (order by id) - items)::integer as items_before,
    (sum(items) over ())::integer as items_left
  from nearest
), item as (
  select planned.id as in_session, user_id, title, planned.metadata as in_metadata, planned.created_at as begun_at,
    last_message_at, items_left, message.*, row_number() over walk as place,
    not is_begun and row_number() over (partition by planned.id order by seq) = 1 as begins,
    coalesce(sum(${leastMessageBytes}) over walk, 0) as least_bytes
  from planned
  left join lateral (
    select * from (${messagesOf(false)} union all ${messagesOf(true)}) merged
    order by seq limit ${limits.pageMax} - planned.items_before
  ) message on true
  where items > 0 and items_before < ${limits.pageMax}
  window walk as (order by planned.id, seq)
), measured as (
  select *, sum(coalesce(${messageBytes}, 0)
    + case when begins then session_bytes(user_id, title, in_metadata) else 0 end) over (order by place) as bytes
  from item where place = 1 or least_bytes <= ${pageBytes}
)
select ${messageFields}, ${currentStatus}, in_session, begins, items_left, case when begins then title end as session_title,
  case when begins then in_metadata end as session_metadata, case when begins then begun_at end as session_created_at,
  case when begins then last_message_at end as session_last_message_at
from measured
where place = 1 or bytes <= ${pageBytes}
order by place`.compile(db.kysely)
}
