import type { Message, Metadata } from '../protocol.ts'

/** The vocabulary of a turn: what is asked, what runs. `turn-end.ts` has how it ended. */

/** The request for a turn, in any protocol. Ids are lower-case UUIDs. */
export interface TurnRequest {
  message: string
  /** Text that the visitor selected on the page. */
  contextText?: string | undefined
  metadata?: Metadata | undefined
  /** Absent: the turn creates its session. */
  sessionId?: string | undefined
  /** Chosen by the client, so that a retry finds the turn; absent: nobody retries it. */
  messageId?: string | undefined
  /** The reply that a new one is to supersede. */
  regenerate?: string | undefined
  /** The reply to continue. */
  continues?: ContinueRequest | undefined
}

export interface ContinueRequest {
  replyId: string
  /** The length of the text that the client knows, in UTF-16 units: a longer stored text was continued before. */
  from?: number | undefined
}

/** A payer whose tokens of the day are debited for a turn. */
export interface Payer {
  kind: 'user' | 'address' | 'site'
  /** As `spending.payer` has it. */
  name: string
  /** The cap of a day; undefined: counted only. */
  maxTokens: number | undefined
}

/** What `beginTurn` needs. Tokens are counted without overhead. */
export interface TurnStart {
  userId: string
  sessionId: string
  /** Whether the session may be created. */
  createSession: boolean
  title: string
  messageId: string
  content: string
  contextText: string | null
  metadata: Metadata
  messageTokens: number
  regenerate: string | null
  continues?: ContinueLimits | undefined
  /** The id of the reply, if this turn creates one. */
  replyId: string
  /** Names this turn: every later write of it names the lease. */
  lease: string
  leaseMs: number
  window: WindowLimits
  recall: RecallLimits
  systemTokens: number
  /** An upper bound of the tokens of prompt and reply, overhead included, without the window and what is recalled. */
  maxTokens: number
  /** Each payer once, in the order in which all turns lock them. */
  payers: readonly Payer[]
}

/** The reply to continue, and how. */
export interface ContinueLimits extends ContinueRequest {
  /** Of the request to the model, overhead of the text so far included. */
  tokens: number
  /** The longest text that can be continued. */
  maxBytes: number
}

export interface WindowLimits {
  maxTurns: number
  /** The room for the history, overhead and recalled turns included. */
  tokens: number
  /** Overhead of one turn: of its two messages. */
  overheadTokens: number
  /** Model and system prompt: token counts that were reported under the same two are exact. */
  countedBy: string
}

/** The terms that older turns are found by, and the limit of recall. */
export interface RecallLimits {
  /** The part of the room that recalled turns may take; 0: nothing is recalled. */
  tokens: number
  /** Hashes of the message's words. */
  terms: readonly number[]
  /** Whether words of the message before may join, if there are fewer than three. */
  borrows: boolean
  /** `user`: in the user's other sessions too. */
  scope: 'session' | 'user'
}

/** An older turn that shares words with the new message. */
export interface RecalledTurn {
  /** Absent: this session. */
  sessionId?: string
  /** Of the user's message. */
  seq: number
  replySeq: number
  /** Of the reply: ISO 8601. */
  createdAt: string
  /** Higher is better; comparable within one message only. Absent in a turn that was recalled for an earlier reply. */
  score?: number
  /** From 0 to 1: how much of the weight of the message's words the turn itself holds; 0: it is only beside one that does. */
  share?: number
  message: string
  contextText: string | null
  /** At most its first 8,000 characters. */
  reply: string
}

/** A turn of the context window. */
export interface WindowTurn {
  /** Of the user's message. */
  seq: number
  replySeq: number
  message: string
  contextText: string | null
  reply: string
  /** Overhead included; a bound unless `exact`. */
  tokens: number
  exact: boolean
}

/** What `beginTurn` found. */
export type Begun =
  | {
      verdict: 'run'
      message: Message
      replyId: string
      window: WindowTurn[]
      /** Best first. */
      recalled: RecalledTurn[]
      continued?: ContinuedReply | undefined
    }
  | { verdict: 'replay'; message: Message; replay: StoredReply }
  | { verdict: 'running'; retryAfterMs: number }
  /** `replyId`: the running reply; null if a function of schema 10 does not tell. */
  | { verdict: 'busy'; retryAfterMs: number; replyId: string | null }
  | { verdict: 'capped'; capped: Payer['kind']; retryAfterMs: number }
  /** `ended`: the lease was given up before this begin arrived. */
  | { verdict: 'mismatch' | 'not_last' | 'not_found' | 'ended' }

/** A reply, and why it is not complete: a code of the API. */
export interface StoredReply {
  reply: Message
  errorCode: string | null
}

/** The reply that a turn continues, as it was stored. */
export interface ContinuedReply extends StoredReply {
  /** The tokens that its text may take in the prompt. */
  tokens: number
}

/** A running turn. Its writes name its lease and no user: a claim may give the session another one meanwhile. */
export interface TurnKey {
  sessionId: string
  replyId: string
  lease: string
  /** Whom `beginTurn` debited. */
  payers: readonly Payer[]
}
