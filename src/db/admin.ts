import { type SqlBool, sql } from 'kysely'
import type { UsageRow } from '../protocol-admin.ts'
import * as column from './columns.ts'
import type { Database } from './database.ts'
import { selected } from './rows-of.ts'

/** Finds the user of a session, for the functions that need one; undefined if there is no such session. */
export async function findSessionUser(
  { kysely }: Database,
  id: string,
): Promise<string | undefined> {
  const row = await kysely
    .selectFrom('sessions')
    .select('user_id')
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.user_id
}

export interface UsageRange {
  by: 'day' | 'user'
  userId?: string | undefined
  /** The first and the last day (UTC). */
  since: string
  until: string
  limit: number
}

/** Lists the spending of users by day, newest first, or by user, highest first. */
export async function listUsage(
  { kysely }: Database,
  { by, userId, since, until, limit }: UsageRange,
): Promise<{ rows: UsageRow[]; hasMore: boolean }> {
  const key = by === 'day' ? sql`day::text` : sql`payer`
  const rows = await kysely
    .selectFrom('spending')
    .select([
      selected(column.text, key, 'key'),
      selected(column.float, sql`sum(tokens)::float8`, 'tokens'),
      selected(column.float, sql`sum(turns)::float8`, 'turns'),
      selected(column.float, sql`sum(prompt_tokens)::float8`, 'prompt_tokens'),
      selected(column.float, sql`sum(completion_tokens)::float8`, 'completion_tokens'),
      selected(column.float, sql`sum(cached_tokens)::float8`, 'cached_tokens'),
      selected(column.integer, sql`count(distinct payer)::integer`, 'users'),
    ])
    .where(sql<SqlBool>`day between ${since}::date and ${until}::date`)
    .where(sql<SqlBool>`(payer like 'visitor:%' or payer like 'user:%')`)
    .$if(userId !== undefined, (query) => query.where('payer', '=', userId ?? ''))
    .groupBy(sql`1`)
    .orderBy(by === 'day' ? sql`1 desc` : sql`2 desc, 1`)
    .limit(limit + 1)
    .execute()
  return {
    rows: rows
      .slice(0, limit)
      .map(({ key: name, users, ...sums }) =>
        by === 'day' ? { day: name, users, ...sums } : { user_id: name, ...sums },
      ),
    hasMore: rows.length > limit,
  }
}
