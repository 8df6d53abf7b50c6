import { sql } from 'kysely'
import type { Message, MessageStatus } from '../protocol.ts'
import type { StoredReply } from '../turn/turn.ts'
import type { Database } from './database.ts'
import { type RowOf, selected } from './rows-of.ts'
import { tables } from './schema.ts'

/** Status as every read sees it: a reply whose lease has expired is not streaming any more. */
export const statusNow = sql<MessageStatus>`
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end`

const { messages } = tables
export const currentStatus = selected(messages.status, statusNow, 'current_status')

/** The columns of a message that is read. */
export const messageColumns = {
  id: messages.id,
  seq: messages.seq,
  role: messages.role,
  content: messages.content,
  context_text: messages.context_text,
  finish_reason: messages.finish_reason,
  error_code: messages.error_code,
  prompt_tokens: messages.prompt_tokens,
  completion_tokens: messages.completion_tokens,
  rating: messages.rating,
  rating_comment: messages.rating_comment,
  metadata: messages.metadata,
  created_at: messages.created_at,
  current_status: messages.status,
}

/** Those of them that are stored. A query names them: the other columns of a message would triple its bytes. */
export const storedColumns = [
  'messages.id',
  'messages.seq',
  'messages.role',
  'messages.content',
  'messages.context_text',
  'messages.finish_reason',
  'messages.error_code',
  'messages.prompt_tokens',
  'messages.completion_tokens',
  'messages.rating',
  'messages.rating_comment',
  'messages.metadata',
  'messages.created_at',
] as const

/** A message as it is read: by a query, or in the JSON of a function, where a time is text. */
export interface MessageRecord extends Omit<RowOf<typeof messageColumns>, 'created_at'> {
  created_at: Date | string
}

export function toMessage(row: MessageRecord): Message {
  return {
    id: row.id,
    seq: row.seq,
    role: row.role,
    content: row.content,
    status: row.current_status,
    ...(row.context_text !== null && { context_text: row.context_text }),
    ...(row.finish_reason !== null && { finish_reason: row.finish_reason }),
    ...(row.prompt_tokens !== null &&
      row.completion_tokens !== null && {
        usage: { prompt_tokens: row.prompt_tokens, completion_tokens: row.completion_tokens },
      }),
    ...(row.rating !== null && {
      feedback: {
        rating: row.rating,
        ...(row.rating_comment !== null && { comment: row.rating_comment }),
      },
    }),
    metadata: row.metadata,
    created_at: new Date(row.created_at).toISOString(),
  }
}

export async function findReply(
  db: Database,
  { userId, sessionId, id }: { userId: string; sessionId: string; id: string },
): Promise<StoredReply | undefined> {
  const query = db.kysely
    .selectFrom('messages')
    .innerJoin('sessions', 'sessions.id', 'messages.session_id')
    .select(storedColumns)
    .select(currentStatus)
    .where('messages.session_id', '=', sessionId)
    .where('messages.id', '=', id)
    .where('role', '=', 'assistant')
    .where('sessions.user_id', '=', userId)
    .compile()
  const [row] = await db.single(query)
  return row && { reply: toMessage(row), errorCode: row.error_code }
}

/**
 * The reply that a session is writing.
 * @returns `none` if no reply is running; undefined if the user has no such session
 */
export async function findRunningReply(
  db: Database,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<StoredReply | 'none' | undefined> {
  const query = db.kysely
    .selectFrom('sessions')
    .leftJoin('messages', (join) =>
      join
        .onRef('messages.session_id', '=', 'sessions.id')
        .on('status', '=', 'streaming')
        .on('lease_expires_at', '>', sql<Date>`statement_timestamp()`),
    )
    .select(storedColumns)
    .select(currentStatus)
    .where('sessions.id', '=', sessionId)
    .where('user_id', '=', userId)
    .compile()
  const [row] = await db.single(query)
  if (row === undefined) return undefined
  return row.id === null
    ? 'none'
    : { reply: toMessage(row as MessageRecord), errorCode: row.error_code }
}

export interface History {
  /** Oldest first. */
  messages: Message[]
  hasMore: boolean
}
