import { type SqlBool, sql } from 'kysely'
import type { AdminSession, UsageRow } from '../protocol-admin.ts'
import type { MessageStatus } from '../protocol.ts'
import * as column from './columns.ts'
import type { Database } from './database.ts'
import { statusNow } from './messages.ts'
import { selected } from './rows-of.ts'
import type { SessionPosition } from './sessions.ts'

/** Reads for the site's owner. They are the only ones that do not name a user. */

export interface SessionSearch {
  limit: number
  after?: SessionPosition | undefined
  /** Text in the title, in a message or in a quotation. Case does not matter. */
  text?: string | undefined
  userId?: string | undefined
  /** Bounds of the last activity, ISO 8601. `until` is not included. */
  since?: string | undefined
  until?: string | undefined
  /** Sessions with a reply that has this rating, or this status. */
  rating?: 'up' | 'down' | undefined
  status?: MessageStatus | undefined
}

const lastActivity = sql<Date>`coalesce(s.last_message_at, s.created_at)`

/**
 * Lists sessions of all users, latest activity first. It looks for the text in every message of the sessions that pass
 * the other filters: an index for this would cost every turn.
 */
export async function searchSessions(
  { kysely }: Database,
  search: SessionSearch,
): Promise<{ sessions: AdminSession[]; next: SessionPosition | undefined }> {
  const { limit, after, userId, since, until, text, rating, status } = search
  const pattern = text === undefined ? '' : `%${text.replace(/[\\%_]/g, String.raw`\$&`)}%`
  const withMessage = (condition: ReturnType<typeof sql<SqlBool>>) =>
    sql<SqlBool>`exists (select from messages m where m.session_id = s.id and ${condition})`
  const rows = await kysely
    .selectFrom('sessions as s')
    .selectAll()
    .$if(userId !== undefined, (query) => query.where('user_id', '=', userId ?? ''))
    .$if(since !== undefined, (query) =>
      query.where(sql<SqlBool>`${lastActivity} >= ${since}::timestamptz`),
    )
    .$if(until !== undefined, (query) =>
      query.where(sql<SqlBool>`${lastActivity} < ${until}::timestamptz`),
    )
    .$if(rating !== undefined, (query) => query.where(withMessage(sql`m.rating = ${rating}`)))
    .$if(status !== undefined, (query) => query.where(withMessage(sql`${statusNow} = ${status}`)))
    .$if(text !== undefined, (query) =>
      query.where((where) =>
        where.or([
          sql<SqlBool>`s.title ilike ${pattern}`,
          withMessage(sql`(m.content ilike ${pattern} or m.context_text ilike ${pattern})`),
        ]),
      ),
    )
    .$if(after !== undefined, (query) =>
      query.where(
        sql<SqlBool>`(${lastActivity}, s.id) < (${after?.lastActivity}::timestamptz, ${after?.id}::uuid)`,
      ),
    )
    .orderBy(lastActivity, 'desc')
    .orderBy('s.id', 'desc')
    .limit(limit + 1)
    .execute()
  const sessions = rows.slice(0, limit).map((row) => ({
    id: row.id,
    user_id: row.user_id,
    title: row.title,
    metadata: row.metadata,
    message_count: row.next_seq - 1,
    created_at: row.created_at.toISOString(),
    last_message_at: row.last_message_at?.toISOString() ?? null,
  }))
  const last = sessions.at(-1)
  const hasMore = rows.length > limit && last !== undefined
  return {
    sessions,
    next: hasMore
      ? { lastActivity: last.last_message_at ?? last.created_at, id: last.id }
      : undefined,
  }
}

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
