import * as z from 'zod'
import { limits } from './limits.ts'
import type { Usage } from './protocol.ts'
import { nonBlank } from './stored-text.ts'

/** The wire of a receipt: what the model is sent for a message, and what is left out. */

export const ContextRequest = z.strictObject({
  message: nonBlank(limits.messageChars),
  context_text: nonBlank(limits.contextTextChars).optional(),
})

export interface Receipt {
  /** The reply that this was sent for; absent if it only would be sent. */
  reply_id?: string
  /** The configured model; null in a reply that has not ended. */
  model: string | null
  /** Overhead included. A bound, except where a part says `exact`. */
  tokens: {
    /** Null if it was not recorded: replies from before this was recorded. */
    system: number | null
    turns: number
    recalled: number
    message: number
    /** Of the chat format, beside that of the turns. */
    overhead: number
    /** Of what is known. */
    total: number
  }
  /** Of the settings; only for a message that has not been sent. */
  budget?: {
    /** `CONTEXT_TOKEN_BUDGET`. */
    total: number
    /** `MAX_COMPLETION_TOKENS`, kept free for the reply. */
    reply: number
    left: number
  }
  /** As the provider counted it. */
  usage?: Usage
  /** In the order of the prompt. */
  parts: ReceiptPart[]
  left_out: LeftOut[]
}

export type ReceiptPart =
  | { part: 'system'; reason: 'always'; tokens: number | null }
  | {
      part: 'turn'
      reason: 'newest_turns'
      /** Of the user's message. */
      seq: number
      reply_seq: number
      tokens: number
      exact: boolean
      /** Absent in the oldest turns of a receipt that would pass 1 MiB. */
      messages?: ReceiptMessage[]
    }
  | { part: 'recalled'; reason: 'relevant'; reply_seqs: readonly number[]; tokens: number }
  | {
      part: 'message'
      reason: 'asked'
      /** Absent if it has not been sent. */
      seq?: number
      tokens: number
      messages: ReceiptMessage[]
    }

export interface ReceiptMessage {
  role: 'user' | 'assistant'
  content: string
  context_text?: string
}

/** Turns that the model is not sent, newest first. */
export interface LeftOut {
  /** `seq`s of the first and the last reply. */
  from_seq: number
  to_seq: number
  turns: number
  reason: 'token_budget' | 'max_turns' | 'older_than_window' | 'failed' | 'superseded' | 'running'
}
