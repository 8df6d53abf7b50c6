import { sql } from 'kysely'
import type { Payer } from '../turn/turn.ts'
import * as column from './columns.ts'
import type { Database } from './database.ts'
import { rowsOf } from './rows-of.ts'

/** The day of the spending that is recorded now: UTC, by the database's clock. */
export const today = sql`(statement_timestamp() at time zone 'UTC')::date`

export interface SpentToday {
  /** `YYYY-MM-DD`, UTC. */
  day: string
  /** Of each payer, in the order of the request. */
  spent: { tokens: number; cachedTokens: number }[]
}

/**
 * Reads the tokens that today's caps count so far, and those of them that the provider's cache held. A reply that is still being written counts with the most it may cost.
 */
export async function spentToday(db: Database, payers: readonly Payer[]): Promise<SpentToday> {
  const query = rowsOf({ day: column.text, tokens: column.bigint, cached_tokens: column.bigint })`
select day::text, coalesce(tokens, 0) as tokens, coalesce(cached_tokens, 0) as cached_tokens
from (select ${today} as day) today
cross join unnest(${payers.map(({ name }) => name)}::text[]) with ordinality as payer (payer, place)
left join spending using (day, payer)
order by place`.compile(db.kysely)
  const [rows] = await db.batch([query])
  const [first] = rows
  if (first === undefined) throw new Error('there is no payer')
  return {
    day: first.day,
    spent: rows.map(({ tokens, cached_tokens: cached }) => ({
      tokens: Number(tokens),
      cachedTokens: Number(cached),
    })),
  }
}
