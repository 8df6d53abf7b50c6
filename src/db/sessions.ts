import { sql } from 'kysely'
import type { Metadata, Session } from '../protocol.ts'
import type { Database } from './database.ts'
import type { SessionRow } from './schema.ts'
import { lockSession } from './session-lock.ts'

export function toSession(row: Omit<SessionRow, 'user_id' | 'next_seq'>): Session {
  return {
    id: row.id,
    title: row.title,
    metadata: row.metadata,
    created_at: row.created_at.toISOString(),
    last_message_at: row.last_message_at?.toISOString() ?? null,
  }
}

const lastActivity = sql<Date>`coalesce(last_message_at, created_at)`

export interface NewSession {
  id: string
  userId: string
  title?: string | undefined
  metadata?: Metadata | undefined
}

export async function createSession(db: Database, session: NewSession): Promise<Session> {
  const row = await db.kysely
    .insertInto('sessions')
    .values({
      id: session.id,
      user_id: session.userId,
      title: session.title ?? null,
      metadata: JSON.stringify(session.metadata ?? {}),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return toSession(row)
}

export async function findSession(
  db: Database,
  userId: string,
  id: string,
): Promise<Session | undefined> {
  const row = await db.kysely
    .selectFrom('sessions')
    .selectAll()
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return row && toSession(row)
}

export interface SessionPosition {
  /** ISO 8601 with milliseconds, the precision of the column. */
  lastActivity: string
  id: string
}

/** Lists the user's sessions after a position, latest activity first. `next` is where the next page begins. */
export async function listSessions(
  db: Database,
  userId: string,
  options: { limit: number; after?: SessionPosition | undefined },
): Promise<{ sessions: Session[]; next: SessionPosition | undefined }> {
  const { limit, after } = options
  const rows = await db.kysely
    .selectFrom('sessions')
    .selectAll()
    .where('user_id', '=', userId)
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(${lastActivity}, id) < (${after?.lastActivity}::timestamptz, ${after?.id}::uuid)`,
      ),
    )
    .orderBy(lastActivity, 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  const sessions = rows.slice(0, limit).map(toSession)
  const last = sessions.at(-1)
  return {
    sessions,
    next:
      rows.length > limit && last !== undefined
        ? { lastActivity: last.last_message_at ?? last.created_at, id: last.id }
        : undefined,
  }
}

export async function changeSession(
  db: Database,
  userId: string,
  id: string,
  change: { title?: string | undefined; metadata?: Metadata | undefined },
): Promise<Session | undefined> {
  const row = await db.kysely
    .updateTable('sessions')
    .set({
      ...(change.title !== undefined && { title: change.title }),
      ...(change.metadata !== undefined && { metadata: JSON.stringify(change.metadata) }),
    })
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .returningAll()
    .executeTakeFirst()
  return row && toSession(row)
}

/** Erases the session and its messages, even if a reply is streaming. @returns false if the user has no such session */
export async function deleteSession(db: Database, userId: string, id: string): Promise<boolean> {
  const [, erased] = await db.batch([
    lockSession(id).compile(db.kysely),
    db.kysely
      .deleteFrom('sessions')
      .where('id', '=', id)
      .where('user_id', '=', userId)
      .returning('id')
      .compile(),
  ])
  return erased.length > 0
}
