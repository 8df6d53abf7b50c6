import * as z from 'zod'
import type { ProblemBody } from './errors.ts'
import { limits } from './limits.ts'
import { type Metadata, metadataWithin, nonBlank } from './stored-text.ts'

export type { Metadata }

const metadata = metadataWithin({
  maxChars: limits.metadataChars,
  maxLevels: limits.metadataLevels,
})

/** Ids are compared in lower case, as Postgres prints them. */
const id = z.guid('must be a UUID').transform((value) => value.toLowerCase())

export const ChatRequest = z
  .strictObject({
    message: nonBlank(limits.messageChars),
    session_id: id.optional(),
    message_id: id.optional(),
    context_text: nonBlank(limits.contextTextChars).optional(),
    metadata: metadata.optional(),
    regenerate: id.optional(),
    continue: id.optional(),
    history_limit: z.int().min(0).max(limits.historyMessages).optional(),
  })
  .refine((body) => body.regenerate === undefined || body.message_id !== undefined, {
    path: ['message_id'],
    message: 'is required with regenerate',
  })
  .refine((body) => body.continue === undefined || body.message_id !== undefined, {
    path: ['message_id'],
    message: 'is required with continue',
  })
  .refine((body) => body.continue === undefined || body.regenerate === undefined, {
    path: ['continue'],
    message: 'cannot be combined with regenerate',
  })
export type ChatRequest = z.infer<typeof ChatRequest>

export const NewSessionRequest = z.strictObject({
  title: nonBlank(limits.titleChars).optional(),
  metadata: metadata.optional(),
})

export const SessionChangeRequest = z
  .strictObject({
    title: nonBlank(limits.titleChars).optional(),
    metadata: metadata.optional(),
  })
  .refine(
    (body) => body.title !== undefined || body.metadata !== undefined,
    'must contain title or metadata',
  )

/** Feedback on a reply; a `rating` of null removes it. */
export const FeedbackRequest = z
  .strictObject({
    rating: z.enum(['up', 'down']).nullable(),
    comment: nonBlank(limits.commentChars).optional(),
  })
  .refine((body) => body.rating !== null || body.comment === undefined, {
    path: ['comment'],
    message: 'needs a rating',
  })

export const visitorTokenFormat = /^vst_[\w-]{43}$/

export const ClaimRequest = z.strictObject({
  visitor_token: z.string().regex(visitorTokenFormat, 'must be a visitor token'),
})

export const NoBody = z.strictObject({})

const wholeNumber = z
  .string()
  .regex(/^\d{1,10}$/, 'must be a whole number')
  .transform(Number)
/** The number of items on a page, at most. */
export const pageLimit = wholeNumber.pipe(z.int().min(1).max(limits.pageMax))
const seq = wholeNumber.pipe(z.int().min(0).max(2_147_483_647))

export const SessionsQuery = z.strictObject({
  limit: pageLimit.default(limits.pageDefault),
  cursor: z.string().max(200).optional(),
})

export const MessagesQuery = z
  .strictObject({
    limit: pageLimit.default(limits.pageDefault),
    before: seq.optional(),
    after: seq.optional(),
    superseded: z.enum(['true', 'false']).optional(),
  })
  .refine((query) => query.before === undefined || query.after === undefined, {
    path: ['after'],
    message: 'cannot be combined with before',
  })

export const ExportQuery = z.strictObject({ cursor: z.string().max(200).optional() })

export const SessionPath = z.object({ session_id: id })
export const ReplyPath = SessionPath.extend({ reply_id: id })
export const MessagePath = SessionPath.extend({ message_id: id })

export type MessageStatus = 'complete' | 'streaming' | 'interrupted' | 'failed' | 'superseded'

export interface Message {
  id: string
  /** Position in the session, from 1, without gaps. */
  seq: number
  role: 'user' | 'assistant'
  content: string
  status: MessageStatus
  context_text?: string
  finish_reason?: string
  usage?: Usage
  /** Of a reply, once the visitor gave it. */
  feedback?: Feedback
  metadata: Metadata
  /** ISO 8601, UTC. */
  created_at: string
}

/** Tokens as the provider counted them. */
export interface Usage {
  prompt_tokens: number
  completion_tokens: number
}

export interface Feedback {
  rating: 'up' | 'down'
  comment?: string
}

export interface Session {
  id: string
  title: string | null
  metadata: Metadata
  created_at: string
  /** Null while the session is empty. */
  last_message_at: string | null
}

export interface Page<Item> {
  data: Item[]
  has_more: boolean
  /** The value of `cursor` (sessions) or `before` / `after` (messages) for the next page; null on the last page. */
  next_cursor: string | null
}

/**
 * A line of `GET /v1/export`. If the last line is `end`, the export is complete. Otherwise, the next request continues
 * with the cursor of the last `more`, and repeats the lines that came after it in an answer that broke off.
 */
export type ExportLine =
  | ({ type: 'session' } & Session)
  | ({ type: 'message'; session_id: string } & Message)
  | { type: 'more'; cursor: string }
  | { type: 'end'; sessions: number; messages: number }
  | ({ type: 'error'; request_id: string } & ProblemBody)

export interface ChatResponse {
  session_id: string
  visitor_token?: string
  replayed?: true
  reply: Message
  /** The newest messages of the session, oldest first. */
  history: Message[]
  has_more: boolean
}

/**
 * Events of a streamed turn, by name. A joined stream has those from `delta` on, without `server_timing`. The `id` of an
 * event is the length of the reply's text so far, in UTF-16 units; `turn.thinking` has none. After it, and with a
 * delta whose `id` is the length of its own text, the reply begins anew: all text before was thinking.
 */
export interface TurnEvents {
  'turn.started': {
    session_id: string
    visitor_token?: string
    replayed?: true
    message: Message
    reply_id: string
  }
  'turn.thinking': Record<string, never>
  delta: { text: string }
  'turn.completed': { reply: Message; server_timing?: string }
  'turn.failed': ProblemBody & {
    request_id: string
    retryable: boolean
    reply?: Message
    server_timing?: string
  }
}
