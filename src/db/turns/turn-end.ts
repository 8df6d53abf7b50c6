import type { Usage } from '../../protocol.ts'
import type { Payer } from '../spending.ts'

/** A turn that runs. Its statements name its lease alone: a session may get another user before the turn ends. */
export interface TurnKey {
  sessionId: string
  replyId: string
  lease: string
  /** Whom `begin` debited. */
  payers: readonly Payer[]
}

/** What is known of a turn's tokens while it runs; all without overhead. */
export interface TurnTokens {
  /** Of the user's message: the bound. */
  message: number
  /** Of the reply so far: the bound. */
  reply: number
}

/** How a turn ended. */
export interface TurnEnd {
  status: 'complete' | 'interrupted' | 'failed'
  content: string
  finishReason: string | null
  errorCode: string | null
  model: string
  usage: Usage | undefined
  /** What it cost: the usage, where the provider told it. */
  spent: Usage
  tokens: TurnTokens
  /** Tokens of the reply as the provider counted them, where it did. */
  toldReplyTokens: number | undefined
  /** UTF-8 bytes of the message as the model was sent it: no tokenizer makes more tokens of them. */
  messageBytes: number
  /** `seq` of the first message that the model was sent. */
  windowFrom: number
  overheadTokens: number
  countedBy: string
}
