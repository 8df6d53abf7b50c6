import { type RawBuilder, sql } from 'kysely'
import type { LeftOut } from '../../protocol-receipt.ts'
import type { WindowTurn } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import { type RowOf, rowsOf } from '../rows-of.ts'
import { tables } from '../schema.ts'

/** The common part of both receipts: the turns that are sent, and those that are not. */

/** A turn that is sent. */
export const turnColumns = {
  seq: column.integer,
  tokens: column.integer,
  exact: column.boolean,
  message: column.text,
  context_text: tables.messages.context_text,
  reply: column.text,
  reply_seq: column.integer,
}

export function toTurn({
  context_text: contextText,
  reply_seq: replySeq,
  ...row
}: RowOf<typeof turnColumns>): WindowTurn {
  return { ...row, contextText, replySeq }
}

/** Turns outside the window, or inside its range but not sent. */
export interface Skipped extends Pick<LeftOut, 'from_seq' | 'to_seq' | 'turns'> {
  reason: 'older_than_window' | 'failed' | 'superseded' | 'running'
}

const skippedColumns = {
  from_seq: column.integer,
  to_seq: column.integer,
  turns: column.integer,
  reason: column.oneOf<Skipped['reason']>(),
}

/** Counts in a window as soon as its turn is settled. */
export const isExpiredWithText = sql`status = 'streaming' and lease_expires_at <= statement_timestamp() and content <> ''`

/** How many failed, superseded or running replies a receipt lists. */
const maxSkipped = 50

/** The turns that are not sent, newest first: one row for all older turns that count, and one for each later reply that does not. */
export function skippedIn(bounds: RawBuilder<unknown>) {
  return rowsOf(skippedColumns)`
with bounds as (${bounds}
), older as (
  select min(seq) as from_seq, max(seq) as to_seq, count(*)::integer as turns, 'older_than_window' as reason
  from bounds join messages m on m.session_id = bounds.id and role = 'assistant' and status in ('complete', 'interrupted')
    and seq < bounds.window_from
), skipped as (
  select seq as from_seq, seq as to_seq, 1 as turns, case
      when status = 'superseded' and content <> '' then 'superseded'
      when status = 'streaming' and lease_expires_at > statement_timestamp() then 'running'
      else 'failed' end as reason
  from bounds cross join older join messages m on m.session_id = bounds.id and role = 'assistant'
    and seq > coalesce(older.to_seq, 0) and seq < bounds.before
    and status not in ('complete', 'interrupted') and not (${isExpiredWithText})
  order by seq desc limit ${maxSkipped}
)
select * from skipped union all select * from older where turns > 0 order by to_seq desc`
}
