import type { Usage } from '../protocol.ts'

/** The vocabulary of a turn that was sent to the model: how far it has come, how it ended. */

/** A record of the history that the model was sent for a reply. */
export interface SentPrompt {
  /** `seq` of the window's first message; that of the turn's own message if the window is empty. */
  windowFrom: number
  /** `seq`s of the session's replies whose turns were sent beside the window. */
  recalled: readonly number[]
  /** How many turns of other sessions were. */
  recalledElsewhere: number
  /** A bound of what those took. */
  recalledTokens: number
  /** Of a continued reply: a bound of its text as it was sent, and of the request to continue it. */
  continuedTokens?: number | undefined
}

/** Bounds of a running turn's tokens, without overhead. */
export interface TurnTokens {
  message: number
  reply: number
}

/** The terms that recall finds a turn by. */
export interface TurnTerms {
  /** Hashes of its words: those of the message first. */
  terms: readonly number[]
  /** How many of them are the message's. */
  messageTerms: number
}

/** How far a running turn has come. */
export interface TurnCheckpoint extends TurnTerms {
  content: string
  tokens: TurnTokens
  sent: SentPrompt
  leaseMs: number
}

/** The cost of a turn. */
export interface Spent extends Usage {
  /** The part of `prompt_tokens` that the provider's cache held; 0 also if the provider did not report it. */
  cached_tokens: number
}

/** How a turn ended. */
export interface TurnEnd extends TurnTerms {
  status: 'complete' | 'interrupted' | 'failed'
  content: string
  finishReason: string | null
  errorCode: string | null
  model: string
  usage: Usage | undefined
  /** Tokens of the prompt that the provider's cache held; null if the provider did not report them. */
  cachedTokens: number | null
  /** The cost of the turn: the usage if the provider reported it. */
  spent: Spent
  tokens: TurnTokens
  /** Tokens of the reply as the provider counted them. */
  reportedReplyTokens: number | undefined
  /** UTF-8 bytes of the message as it was sent: no tokenizer makes more tokens of it. */
  messageBytes: number
  sent: SentPrompt
  overheadTokens: number
  countedBy: string
}
