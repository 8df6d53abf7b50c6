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
    /** Of the reply so far and the request to continue it, if it was continued. */
    continued?: number
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
    /** The limit of recalled turns: `RECALL_TOKENS`, and at most half of the room for the history. */
    recall: number
    left: number
  }
  /** As the provider counted it; `cached_tokens` if it told, a part of `prompt_tokens`. */
  usage?: Usage & { cached_tokens?: number }
  /** `exact` if every turn's tokens are the provider's figure and nothing is recalled. */
  counts: 'exact' | 'bound'
  window: {
    /** `seq` of its first message; of the new message if the window is empty. */
    from_seq: number
    turns: number
    /** The reason why older turns are left out; only for a message that has not been sent, and absent if there are none. */
    cut_by?: 'max_turns' | 'token_budget'
    /** How many tokens of history can be added at most before the window begins later; only for a message that has not been sent. */
    stays_until_tokens?: number
  }
  /**
   * Tokens at the beginning that the prompt before had too, in whole 128s from 1,024 on: what OpenAI's cache can hold of it. At
   * most the provider's `prompt_tokens`.
   */
  cacheable_tokens: number
  /** The words that recall looked for, most telling first; absent if it is off. */
  words?: string[]
  /**
   * A message with fewer than three words borrows words of the message before, and recall looked for these too; absent if there
   * are none.
   */
  borrowed_words?: string[]
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
  | {
      part: 'recalled'
      reason: 'relevant'
      tokens: number
      /** Oldest first. */
      turns: ReceiptRecalled[]
      /** How many more turns of the user's other sessions were quoted; nothing else of them is kept. */
      elsewhere?: number
    }
  | {
      part: 'message'
      reason: 'asked'
      /** Absent if it has not been sent. */
      seq?: number
      tokens: number
      messages: ReceiptMessage[]
    }
  | {
      part: 'continued'
      reason: 'cut_off'
      tokens: number
      /** Whether only the end of the reply so far was sent. */
      cut: boolean
      /** The reply so far, and the request to continue it. Absent in a receipt that would pass 1 MiB. */
      messages?: ReceiptMessage[]
    }

export interface ReceiptMessage {
  role: 'user' | 'assistant'
  content: string
  context_text?: string
}

/** A turn that is quoted in the last user message. */
export interface ReceiptRecalled {
  /** Of another session of the user; only for a message that has not been sent. */
  session_id?: string
  /** Of the user's message. */
  seq: number
  reply_seq: number
  /** ISO 8601, UTC. */
  created_at: string
  /**
   * `words`: it has words of the message. `previous_words`: it has only words that the message borrowed. `beside`: it is next
   * to a turn that has words.
   */
  because: 'words' | 'previous_words' | 'beside'
  /** Of its rank and of the words' weight that it holds, from 0 to 1; only for a message that has not been sent. */
  score?: number
  share?: number
  /** Words of the message that it has, and then words that the message borrowed. */
  matched: string[]
  /** Whether only a part of it is quoted. */
  cut?: boolean
  /**
   * As quoted. Absent with `cut` in the receipt of a reply that also quoted turns of other sessions: how far they were cut
   * is not kept.
   */
  messages?: ReceiptMessage[]
}

/**
 * Turns that the model is not sent. They come by `to_seq`, newest first; of two ranges with the same one, the shorter
 * comes first. A range may hold turns that are quoted or listed apart.
 */
export interface LeftOut {
  /** `seq`s of the first and the last reply. */
  from_seq: number
  to_seq: number
  /** Without those that are quoted or listed apart. */
  turns: number
  /**
   * `window_starts_later`: it would fit, but the window begins later so that the start of the prompt stays the same for a
   * cache. `not_relevant`: older than the window, and recall did not choose it. `recall_full`: recall chose it, and it
   * did not fit. `older_than_window`: in the receipt of a reply, any of these.
   */
  reason:
    | 'token_budget'
    | 'max_turns'
    | 'window_starts_later'
    | 'not_relevant'
    | 'recall_full'
    | 'older_than_window'
    | 'failed'
    | 'superseded'
    | 'running'
}
