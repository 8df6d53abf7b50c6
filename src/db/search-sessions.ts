import type { AdminSession } from '../protocol-admin.ts'
import type { Database } from './database.ts'
import type { SessionRow } from './schema.ts'
import {
  conditionsOf,
  type FoundRow,
  type MessageFilters,
  type SearchPosition,
  searchQuery,
} from './search-query.ts'
import {
  activeBetween,
  pageOf,
  positionOf,
  sessionPage,
  type SessionRange,
} from './session-page.ts'

export interface SessionSearch extends MessageFilters {
  limit: number
  after?: SearchPosition | undefined
  userId?: string | undefined
  /** Bounds of the last activity, ISO 8601. `until` is not included. */
  since?: string | undefined
  until?: string | undefined
}

export interface FoundSessions {
  sessions: AdminSession[]
  /** Undefined at the end. */
  next: SearchPosition | undefined
}

/**
 * Lists sessions of all users, latest activity first. Conditions on messages are looked for in every message of the
 * sessions that pass the other filters, newest first, because an index for them would cost every turn. So a call reads a
 * bounded part, may find nothing in it, and `next` continues exactly there, also inside a long session.
 */
export async function searchSessions(db: Database, search: SessionSearch): Promise<FoundSessions> {
  const { limit, after, userId, since, until } = search
  const range = { userId, after, conditions: activeBetween(since, until) }
  if (conditionsOf(search).length > 0) return searchMessages(db, search, range)
  const [rows] = await db.batch([sessionPage(db, range, limit)])
  return pageOf(rows, toAdminSession)
}

async function searchMessages(
  db: Database,
  search: SessionSearch,
  range: SessionRange,
): Promise<FoundSessions> {
  const [rows] = await db.batch([searchQuery(search, range).compile(db.kysely)])
  const last = rows.find((row) => row.is_last)
  return {
    sessions: rows.filter((row) => row.is_found).map(toAdminSession),
    next: last && nextOf(last),
  }
}

function nextOf(last: FoundRow): SearchPosition | undefined {
  if (last.ended_at !== null)
    return { ...positionOf(last), within: { seq: last.ended_at, found: last.found } }
  return last.has_next ? positionOf(last) : undefined
}

function toAdminSession(row: SessionRow): AdminSession {
  return {
    id: row.id,
    user_id: row.user_id,
    title: row.title,
    metadata: row.metadata,
    message_count: row.next_seq - 1,
    created_at: row.created_at.toISOString(),
    last_message_at: row.last_message_at?.toISOString() ?? null,
  }
}
