import { sql } from 'kysely'
import type { Metadata, Session } from '../protocol.ts'
import * as column from './columns.ts'
import type { Database } from './database.ts'
import { eraseSurplus, lockEmptySessions } from './erasure/erase-surplus.ts'
import { rowsOf } from './rows-of.ts'
import { runningReplies } from './running-replies.ts'
import type { SessionRow } from './schema.ts'
import { lockSession } from './session-lock.ts'
import { pageOf, type SessionPosition, sessionPage } from './session-page.ts'

type ShownRow = Pick<SessionRow, 'id' | 'title' | 'metadata' | 'created_at' | 'last_message_at'>

export function toSession(row: ShownRow): Session {
  return {
    id: row.id,
    title: row.title,
    metadata: row.metadata,
    created_at: row.created_at.toISOString(),
    last_message_at: row.last_message_at?.toISOString() ?? null,
  }
}

export interface NewSession {
  id: string
  userId: string
  title?: string | undefined
  metadata?: Metadata | undefined
}

/** Creates a session without messages. If the user has too many of these, the oldest are erased. */
export async function createSession(db: Database, session: NewSession): Promise<Session> {
  const { id, userId, title, metadata } = session
  const [, [row]] = await db.batch([
    lockEmptySessions(userId).compile(db.kysely),
    db.kysely
      .insertInto('sessions')
      .values({
        id,
        user_id: userId,
        title: title ?? null,
        metadata: JSON.stringify(metadata ?? {}),
      })
      .returningAll()
      .compile(),
    eraseSurplus(userId, id).compile(db.kysely),
  ])
  if (row === undefined) throw new Error('insert returned no row')
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

/** Lists the user's sessions after a position, latest activity first. `next` is where the next page begins. */
export async function listSessions(
  db: Database,
  userId: string,
  { limit, after }: { limit: number; after?: SessionPosition | undefined },
): Promise<{ sessions: Session[]; next: SessionPosition | undefined }> {
  const [rows] = await db.batch([sessionPage(db, { userId, after }, limit)])
  return pageOf(rows, toSession)
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

/**
 * Erases the session and its messages, even if a reply is streaming.
 * @returns the replies that were streaming; undefined if the user has no such session
 */
export async function deleteSession(
  db: Database,
  userId: string,
  id: string,
): Promise<{ running: string[] } | undefined> {
  const [, [row]] = await db.batch([
    lockSession(id).compile(db.kysely),
    rowsOf({ running: column.uuids })`
with erased as (
  delete from sessions where id = ${id} and user_id = ${userId} returning id
)
select ${runningReplies(sql`select id from erased`)} as running from erased`.compile(db.kysely),
  ])
  return row
}
