import type { PromptBefore } from '../../db/turns/sent-turns.ts'
import { limits } from '../../limits.ts'
import type {
  Receipt,
  ReceiptMessage,
  ReceiptPart,
  ReceiptRecalled,
} from '../../protocol-receipt.ts'
import type { SentAgain } from '../continue/request.ts'
import type { WindowTurn } from '../turn.ts'
import type { QuotedTurn } from './quotation.ts'
import { cacheableTokens, overhead } from './window.ts'

/** The parts of a prompt as a receipt shows them. */
export interface ReceiptInput {
  model: string | null
  /** Null if it is not known. */
  systemTokens: number | null
  windowFrom: number
  /** Oldest first. */
  turns: readonly WindowTurn[]
  recalled: ReceiptQuotation
  message: { seq?: number; content: string; contextText: string | null; tokens: number }
  /** Of a reply that was continued. */
  continued?: SentAgain | undefined
  /** Undefined if there was no reply before. */
  before: PromptBefore | undefined
  /** As the provider counted the prompt; null if it did not, or has not yet. */
  promptTokens: number | null
}

export interface ReceiptQuotation {
  tokens: number
  turns: readonly QuotedTurn[]
  /** Of turns of other sessions, of which nothing else is known. */
  elsewhere: number
}

type ReceiptOfParts = Pick<Receipt, 'parts' | 'tokens' | 'counts' | 'window' | 'cacheable_tokens'>

/**
 * Lists the parts of a prompt with their tokens. The system prompt is the owner's: a receipt has its tokens and not
 * its words.
 */
export function receiptParts(input: ReceiptInput): ReceiptOfParts {
  const { systemTokens, message, recalled } = input
  const continued = continuedPart(input.continued)
  const turns = turnParts(input.turns, limits.historyBytes - bytesOf(continued?.messages ?? []))
  const tokens = {
    system: systemTokens,
    turns: turns.reduce((sum, part) => sum + part.tokens, 0),
    recalled: recalled.tokens,
    message: message.tokens,
    ...(continued && { continued: continued.tokens }),
    overhead: (continued ? 4 : 2) * overhead.messageTokens + overhead.replyTokens,
  }
  const known = Object.values(tokens).filter((count) => count !== null)
  const total = known.reduce((sum, count) => sum + count, 0)
  const asked = messageOf('user', message.content, message.contextText)
  return {
    tokens: { ...tokens, total },
    counts:
      turns.every(({ exact }) => exact) && recalled.tokens === 0 && !continued ? 'exact' : 'bound',
    window: { from_seq: input.windowFrom, turns: turns.length },
    // A bound of a part may be more than the provider's count of the whole.
    cacheable_tokens: cacheableTokens(
      Math.min(commonTokens(input), input.promptTokens ?? Infinity),
    ),
    parts: [
      { part: 'system', reason: 'always', tokens: systemTokens },
      ...turns,
      ...recalledPart(recalled),
      {
        part: 'message',
        reason: 'asked',
        ...(message.seq !== undefined && { seq: message.seq }),
        tokens: message.tokens,
        messages: [asked],
      },
      ...(continued ? [continued] : []),
    ],
  }
}

/**
 * The tokens with which this prompt and the one before begin: up to the last message of that one, which is quoted with it
 * if anything was recalled.
 */
function commonTokens({ before, model, systemTokens, windowFrom, turns }: ReceiptInput): number {
  if (before === undefined || systemTokens === null) return 0
  if (before.model !== model || before.systemTokens !== systemTokens) return 0
  const system = systemTokens + overhead.messageTokens
  if (before.windowFrom !== windowFrom) return system
  const sentAgain = turns.filter(({ seq }) => seq < before.askedSeq)
  const message = before.recalledTokens === 0 ? before.messageTokens + overhead.messageTokens : 0
  return sentAgain.reduce((sum, { tokens }) => sum + tokens, system + message)
}

function continuedPart(
  sent: SentAgain | undefined,
): Extract<ReceiptPart, { part: 'continued' }> | undefined {
  if (sent === undefined) return undefined
  const messages = [messageOf('assistant', sent.text, null), messageOf('user', sent.request, null)]
  return {
    part: 'continued',
    reason: 'cut_off',
    tokens: sent.tokens,
    cut: sent.isCut,
    ...(bytesOf(messages) <= limits.historyBytes && { messages }),
  }
}

function bytesOf(messages: readonly ReceiptMessage[]): number {
  return new TextEncoder().encode(JSON.stringify(messages)).length
}

function turnParts(turns: readonly WindowTurn[], mostBytes: number) {
  let bytesLeft = mostBytes
  return turns
    .toReversed()
    .map((turn): Extract<ReceiptPart, { part: 'turn' }> => {
      const messages = [
        messageOf('user', turn.message, turn.contextText),
        messageOf('assistant', turn.reply, null),
      ]
      bytesLeft -= bytesOf(messages)
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

function recalledPart({ tokens, turns, elsewhere }: ReceiptQuotation): ReceiptPart[] {
  if (turns.length + elsewhere === 0) return []
  return [
    {
      part: 'recalled',
      reason: 'relevant',
      tokens,
      turns: turns.map(recalledTurn),
      ...(elsewhere > 0 && { elsewhere }),
    },
  ]
}

function recalledTurn(turn: QuotedTurn): ReceiptRecalled {
  return {
    ...(turn.sessionId !== undefined && { session_id: turn.sessionId }),
    seq: turn.seq,
    reply_seq: turn.replySeq,
    created_at: turn.createdAt,
    because: turn.because,
    ...(turn.score !== undefined && { score: turn.score }),
    ...(turn.share !== undefined && { share: turn.share }),
    matched: turn.matched,
    ...(turn.cut !== undefined && {
      cut: turn.cut,
      messages: [
        messageOf('user', turn.message, turn.contextText),
        messageOf('assistant', turn.reply, null),
      ],
    }),
  }
}

function messageOf(
  role: ReceiptMessage['role'],
  content: string,
  contextText: string | null,
): ReceiptMessage {
  return { role, content, ...(contextText !== null && { context_text: contextText }) }
}
