import { type RawBuilder, sql } from 'kysely'
import type { MessageStatus } from '../protocol.ts'
import * as column from './columns.ts'
import { statusNow } from './messages.ts'
import { leastMessageBytes, pageBytes, sessionBytes } from './page-bytes.ts'
import { type RowOf, rowsOf } from './rows-of.ts'
import { tables } from './schema.ts'
import { type SessionPosition, type SessionRange, walkSessions } from './session-page.ts'

/**
 * The most that a call reads beside its first message. A rare text in 1,000,000 messages takes 106 calls, each of which
 * took less than a second on two busy cores.
 */
const maxSessions = 1_000
const maxMessages = 10_000
const maxBytes = 4 * 1024 * 1024

/** The place at which a search goes on. */
export interface SearchPosition extends SessionPosition {
  /** The search ended inside this session. */
  within?: {
    /** Its messages from this `seq` on have been read. */
    seq: number
    /** The conditions that one of these messages met, as the bits of `conditionsOf`. */
    found: number
  }
}

/** Conditions on the messages of a session. */
export interface MessageFilters {
  /** Text in the title, in a message or in a quotation. Case does not matter. */
  text?: string | undefined
  /** A reply that has this rating, or this status. */
  rating?: 'up' | 'down' | undefined
  status?: MessageStatus | undefined
}

interface MessageCondition {
  bit: number
  ofMessage: RawBuilder<unknown>
  ofSession?: RawBuilder<unknown>
}

/** Each must be met by some message of a session, or by the session itself. */
export function conditionsOf({ text, rating, status }: MessageFilters): MessageCondition[] {
  const patterns = text === undefined ? [] : patternsOf(text)
  const contains = (field: string) => sql`${sql.ref(field)} ilike any (${patterns}::text[])`
  return [
    ...(text === undefined
      ? []
      : [
          {
            bit: 1,
            ofMessage: sql`(${contains('content')} or ${contains('context_text')})`,
            ofSession: contains('title'),
          },
        ]),
    ...(rating === undefined ? [] : [{ bit: 2, ofMessage: sql`rating = ${rating}` }]),
    ...(status === undefined ? [] : [{ bit: 4, ofMessage: sql`${statusNow} = ${status}` }]),
  ]
}

/** Text may be stored with its accents, or its Hangul, as one character or as several. */
function patternsOf(text: string): string[] {
  const literal = text.replace(/[\\%_]/g, String.raw`\$&`)
  return [...new Set([literal, literal.normalize('NFC'), literal.normalize('NFD')])].map(
    (each) => `%${each}%`,
  )
}

const foundColumns = {
  ...tables.sessions,
  last_activity: column.timestamp,
  is_found: column.boolean,
  /** The last session that the call looked at. */
  is_last: column.boolean,
  /** Of the last session: whether more sessions follow. */
  has_next: column.boolean,
  /** The `seq` at which the call ended inside this session; null if it does not continue there. */
  ended_at: column.nullable(column.integer),
  found: column.integer,
}

export type FoundRow = RowOf<typeof foundColumns>

/** One call of a search by conditions on messages: the sessions that it found, and the last one that it looked at. */
export function searchQuery(
  search: MessageFilters & { limit: number; after?: SearchPosition | undefined },
  range: SessionRange,
) {
  const { limit, after } = search
  const conditions = conditionsOf(search)
  const bitsOf = (which: 'ofMessage' | 'ofSession') =>
    sql.join(
      conditions.map(
        ({ bit, [which]: met }) =>
          sql`coalesce(${met ?? sql`false`}, false)::integer * ${bit}::integer`,
      ),
      sql` + `,
    )
  const wanted = conditions.reduce((bits, { bit }) => bits | bit, 0)
  // A session inside which the last call ended comes first, even if it has had activity since.
  const begun = after?.within
    ? sql`
  select ${after.within.seq}::integer as before_seq, ${after.within.found}::integer as found_before, sessions.*,
    ${after.lastActivity}::timestamptz as last_activity
  from sessions where id = ${after.id}
  union all`
    : sql``
  // Each part uses its own partial index.
  const messagesOf = (superseded: boolean) => sql`(
    select * from messages
    where session_id = planned.id and status ${superseded ? sql`=` : sql`<>`} 'superseded' and seq < planned.before_seq
    order by seq desc limit planned.room)`
  return rowsOf(foundColumns)`
with walked as materialized (
  select *, row_number() over (order by before_seq is null, last_activity desc, id desc) as place
  from (${begun}
  select null::integer, 0, nearest.* from (${walkSessions(range, maxSessions + 1)}) nearest
  ) walked (before_seq, found_before)
), planned as (
  select place, id, title, found_before, before_seq, ${maxMessages} - (sum(messages) over (order by place) - messages) as room
  from (
    select place, id, title, found_before, coalesce(before_seq, next_seq) as before_seq,
      greatest(coalesce(before_seq, next_seq) - 1, 1) as messages
    from walked where place <= ${maxSessions}
  ) sized
), looked as (
  select planned.place, message.*,
    sum(${leastMessageBytes}) over (order by planned.place, seq desc) - (${leastMessageBytes}) < ${maxBytes} as is_read
  from planned
  cross join lateral (
    select * from (${messagesOf(false)} union all ${messagesOf(true)}) merged order by seq desc limit planned.room
  ) message
  where room > 0
), judged as (
  select planned.place, min(seq) filter (where is_read) as reached,
    -- Unread messages are left: those over the bytes, or those after as many as there was room for.
    coalesce(not bool_and(is_read), false) or (count(seq) = min(room) and min(seq) > 1) as is_cut,
    min(found_before) | min(${bitsOf('ofSession')}) | coalesce(bit_or(case when is_read then ${bitsOf('ofMessage')} end), 0) as found
  from planned left join looked using (place)
  where room > 0
  group by planned.place
), considered as (
  select * from judged
  where place < coalesce((select min(place) from judged where is_cut), ${maxSessions + 1})
    or (reached is not null and place = (select min(place) from judged where is_cut))
), matching as (
  select place, row_number() over (order by place) as nth from considered where found = ${wanted}
), page as (
  select place from (
    select place, nth, sum(${sessionBytes}) over (order by place) as bytes
    from matching join walked using (place) where nth <= ${limit}
  ) nearest
  where nth = 1 or bytes <= ${pageBytes}
), ending as (
  select case when (select count(*) from page) < (select count(*) from matching) then (select max(place) from page)
    else (select max(place) from considered) end as last_place
)
select walked.*, found, page.place is not null as is_found, place = last_place as is_last,
  (select max(place) from walked) > place as has_next, case when is_cut and found <> ${wanted} then reached end as ended_at
from considered join walked using (place) left join page using (place) cross join ending
where page.place is not null or place = last_place
order by place`
}
