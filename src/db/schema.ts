import type { ColumnType, Generated, Selectable } from 'kysely'
import type { MessageStatus, Metadata } from '../protocol.ts'

/** The tables of `migrations/`, as the driver returns and takes them. */
export interface Schema {
  sessions: SessionsTable
  messages: MessagesTable
  spending: SpendingTable
  schema_migrations: { version: number; name: string }
}

/** Written as JSON text: the driver would take a bare array or string for something else. */
type Json<Value> = ColumnType<Value, string | undefined, string>
type Timestamp = ColumnType<Date, string | undefined, string>

export interface SessionsTable {
  id: string
  user_id: string
  title: string | null
  metadata: Json<Metadata>
  next_seq: Generated<number>
  created_at: Timestamp
  last_message_at: Timestamp | null
}

export interface MessagesTable {
  session_id: string
  id: string
  seq: number
  role: 'user' | 'assistant'
  status: MessageStatus
  content: string
  context_text: string | null
  metadata: Json<Metadata>
  created_at: Timestamp
  token_count: number
  reply_to: number | null
  finish_reason: string | null
  error_code: string | null
  model: string | null
  prompt_tokens: number | null
  completion_tokens: number | null
  window_from: number | null
  turn_tokens: number | null
  turn_tokens_bound: number | null
  turn_tokens_exact: boolean | null
  counted_by: string | null
  lease: string | null
  lease_expires_at: Timestamp | null
  stop_requested: boolean | null
  debited_tokens: number | null
  debited_on: Timestamp | null
  rating: 'up' | 'down' | null
  rating_comment: string | null
}

/** Big integers come as strings; where none is given it is 0. */
type BigInteger = ColumnType<string, number | undefined, number>

export interface SpendingTable {
  day: ColumnType<string, string, string>
  payer: string
  tokens: BigInteger
  turns: Generated<number>
  prompt_tokens: BigInteger
  completion_tokens: BigInteger
}

export type SessionRow = Selectable<SessionsTable>
export type MessageRow = Selectable<MessagesTable>

/** The number of the newest file in `migrations/`, which this code needs. The Worker cannot read the folder: a test compares. */
export const schemaVersion = 2
