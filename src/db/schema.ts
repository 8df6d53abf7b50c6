import * as z from 'zod'
import type { MessageStatus, Metadata } from '../protocol.ts'
import * as column from './columns.ts'
import type { RowOf } from './rows-of.ts'

const metadata = column.withDefault(column.jsonb<Metadata>(z.record(z.string(), z.json())))

/** The tables of `migrations/`, which a test compares with the database. */
export const tables = {
  sessions: {
    id: column.uuid,
    user_id: column.text,
    title: column.nullable(column.text),
    metadata,
    next_seq: column.withDefault(column.integer),
    created_at: column.withDefault(column.timestamp),
    last_message_at: column.nullable(column.timestamp),
    active_hour: column.generated(column.integer),
    empty_since: column.generated(column.nullable(column.timestamp)),
  },
  messages: {
    session_id: column.uuid,
    id: column.uuid,
    seq: column.integer,
    role: column.oneOf<'user' | 'assistant'>(),
    status: column.oneOf<MessageStatus>(),
    content: column.text,
    context_text: column.nullable(column.text),
    metadata,
    created_at: column.withDefault(column.timestamp),
    token_count: column.integer,
    reply_to: column.nullable(column.integer),
    finish_reason: column.nullable(column.text),
    error_code: column.nullable(column.text),
    model: column.nullable(column.text),
    prompt_tokens: column.nullable(column.integer),
    completion_tokens: column.nullable(column.integer),
    cached_tokens: column.nullable(column.integer),
    window_from: column.nullable(column.integer),
    recalled: column.nullable(column.integers),
    recalled_elsewhere: column.withDefault(column.smallint),
    recalled_tokens: column.withDefault(column.integer),
    system_tokens: column.nullable(column.integer),
    turn_tokens: column.nullable(column.integer),
    turn_tokens_bound: column.nullable(column.integer),
    turn_tokens_exact: column.nullable(column.boolean),
    counted_by: column.nullable(column.text),
    lease: column.nullable(column.uuid),
    lease_expires_at: column.nullable(column.timestamp),
    stop_requested: column.nullable(column.boolean),
    debited_tokens: column.nullable(column.integer),
    debited_on: column.nullable(column.date),
    rating: column.nullable(column.oneOf<'up' | 'down'>()),
    rating_comment: column.nullable(column.text),
    terms: column.nullable(column.integers),
    message_terms: column.nullable(column.smallint),
    continued_from: column.nullable(column.integer),
    continued_after: column.nullable(column.text),
    continued_tokens: column.nullable(column.integer),
  },
  spending: {
    day: column.date,
    payer: column.text,
    tokens: column.withDefault(column.bigint),
    turns: column.withDefault(column.integer),
    prompt_tokens: column.withDefault(column.bigint),
    completion_tokens: column.withDefault(column.bigint),
    cached_tokens: column.withDefault(column.bigint),
  },
  ended_leases: {
    lease: column.uuid,
    debited_tokens: column.integer,
    debited_on: column.date,
  },
  /** Of scripts/migrate, which alone writes it. */
  schema_migrations: {
    version: column.integer,
    name: column.text,
    sha256: column.text,
    applied_at: column.withDefault(column.timestamp),
  },
}

/** The tables as Kysely takes them. */
export type Schema = {
  [Table in keyof typeof tables]: {
    [Name in keyof (typeof tables)[Table]]: column.TypeOf<(typeof tables)[Table][Name]>
  }
}

export type SessionRow = RowOf<typeof tables.sessions>
export type MessageRow = RowOf<typeof tables.messages>

/** The number of the newest file in `migrations/`, which this code needs. The Worker cannot read the folder: a test compares. */
export const schemaVersion = 11
