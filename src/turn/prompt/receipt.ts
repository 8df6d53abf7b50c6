import { limits } from '../../limits.ts'
import type { Receipt, ReceiptMessage, ReceiptPart } from '../../protocol-receipt.ts'
import type { WindowTurn } from '../turn.ts'
import { overhead } from './window.ts'

/** The parts of a prompt as a receipt shows them. */
export interface ReceiptInput {
  /** Null if it is not known. */
  systemTokens: number | null
  /** Oldest first. */
  turns: readonly WindowTurn[]
  recalled: readonly number[]
  recalledTokens: number
  message: { seq?: number; content: string; contextText: string | null; tokens: number }
}

/**
 * Lists the parts of a prompt with their tokens. The system prompt is the owner's: a receipt has its tokens and not
 * its words.
 */
export function receiptParts(input: ReceiptInput): Pick<Receipt, 'parts' | 'tokens'> {
  const { systemTokens, message } = input
  const turns = turnParts(input.turns)
  const tokens = {
    system: systemTokens,
    turns: turns.reduce((sum, part) => sum + part.tokens, 0),
    recalled: input.recalledTokens,
    message: message.tokens,
    overhead: 2 * overhead.messageTokens + overhead.replyTokens,
  }
  const total =
    (systemTokens ?? 0) + tokens.turns + tokens.recalled + tokens.message + tokens.overhead
  const asked = messageOf('user', message.content, message.contextText)
  return {
    tokens: { ...tokens, total },
    parts: [
      { part: 'system', reason: 'always', tokens: systemTokens },
      ...turns,
      ...recalledPart(input),
      {
        part: 'message',
        reason: 'asked',
        ...(message.seq !== undefined && { seq: message.seq }),
        tokens: message.tokens,
        messages: [asked],
      },
    ],
  }
}

function turnParts(turns: readonly WindowTurn[]) {
  let bytesLeft: number = limits.historyBytes
  return turns
    .toReversed()
    .map((turn): Extract<ReceiptPart, { part: 'turn' }> => {
      const messages = [
        messageOf('user', turn.message, turn.contextText),
        messageOf('assistant', turn.reply, null),
      ]
      bytesLeft -= new TextEncoder().encode(JSON.stringify(messages)).length
      return {
        part: 'turn',
        reason: 'newest_turns',
        seq: turn.seq,
        reply_seq: turn.replySeq,
        tokens: turn.tokens,
        exact: turn.exact,
        ...(bytesLeft >= 0 && { messages }),
      }
    })
    .toReversed()
}

function recalledPart({ recalled, recalledTokens: tokens }: ReceiptInput): ReceiptPart[] {
  if (recalled.length === 0) return []
  return [{ part: 'recalled', reason: 'relevant', reply_seqs: recalled, tokens }]
}

function messageOf(
  role: ReceiptMessage['role'],
  content: string,
  contextText: string | null,
): ReceiptMessage {
  return { role, content, ...(contextText !== null && { context_text: contextText }) }
}
