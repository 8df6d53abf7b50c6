import { sql } from 'kysely'
import { limits } from '../limits.ts'

/** The limit for the items of a page: with the page around them, an answer stays within `limits.historyBytes`. */
export const pageBytes = limits.historyBytes - 1_024

/** Bytes of a message in an answer, of a row that has these columns. */
export const messageBytes = sql`message_bytes(content, context_text, finish_reason, rating_comment, metadata)`

/**
 * The least that a message takes, read without its text. It bounds how many texts are decompressed to be measured, as
 * a page may stand before 200 messages of 1 MiB.
 */
export const leastMessageBytes = sql`octet_length(content) + coalesce(octet_length(context_text), 0)`

/** Bytes of a session in an answer, of a row that has these columns. */
export const sessionBytes = sql`session_bytes(user_id, title, metadata)`
