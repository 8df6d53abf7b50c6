import type { Metadata } from '../../protocol.ts'
import type { Payer } from '../spending.ts'

/** What a turn is begun with. Ids are lower-case UUIDs, tokens are counted without overhead. */
export interface TurnStart {
  userId: string
  sessionId: string
  /** Whether the session may be made where it is not there. */
  createSession: boolean
  title: string
  messageId: string
  content: string
  contextText: string | null
  metadata: Metadata
  messageTokens: number
  /** The reply that a new one shall supersede. */
  regenerate: string | null
  /** The id of the reply, where a new one is made. */
  replyId: string
  /** Names this turn; every later write of it does. */
  lease: string
  leaseMs: number
  window: WindowLimits
  /** What prompt and reply take at most, overhead included, beside the window. */
  maxTokens: number
  /** Who is debited, each once, in the order that all turns take them in. */
  payers: readonly Payer[]
}

export interface WindowLimits {
  maxTurns: number
  /** What is left for the history, overhead included. */
  tokens: number
  /** Overhead of one turn: of its two messages. */
  overheadTokens: number
  /** Model and system prompt: stored counts that this one's provider told are taken as exact. */
  countedBy: string
}
