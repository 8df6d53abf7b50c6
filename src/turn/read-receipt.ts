import { findNextContext } from '../db/turns/next-context.ts'
import { findReplyContext } from '../db/turns/reply-context.ts'
import type { Receipt } from '../protocol-receipt.ts'
import { sentAgain } from './continue/request.ts'
import { leftOutOf } from './prompt/left-out.ts'
import { quoteRecalled, quotedAgain } from './prompt/quotation.ts'
import { receiptParts } from './prompt/receipt.ts'
import { renderMessage } from './prompt/render.ts'
import {
  historyTokens,
  recallTokens,
  staysUntilTokens,
  turnOverheadTokens,
} from './prompt/window.ts'
import { borrowedQuery } from './recall/borrowed-words.ts'
import { queryTerms } from './recall/terms.ts'
import { messageTooLong } from './refusal.ts'
import type { TurnDeps } from './start-turn.ts'
import { countTokens } from './tokens/token-count.ts'
import type { RecalledTurn } from './turn.ts'

interface SessionKey {
  userId: string
  sessionId: string
}

/**
 * Reports what the model would be sent for a message. Nothing is stored or spent.
 * @returns undefined if the user has no such session
 * @throws Problem `message_too_long` if the message cannot fit
 */
export async function nextReceipt(
  { db, settings }: TurnDeps,
  key: SessionKey,
  asked: { message: string; contextText: string | null },
): Promise<Receipt | undefined> {
  const { maxTurns, countedBy } = settings
  const content = renderMessage(asked.message, asked.contextText)
  const messageTokens = countTokens(content)
  const room = historyTokens(settings, messageTokens)
  if (room < 0) throw messageTooLong(-room)
  const query = queryTerms(asked.message, asked.contextText)
  const recall = {
    tokens: recallTokens(settings, room),
    terms: query.terms,
    borrows: query.borrows,
    scope: settings.recall.scope,
  }
  const window = { maxTurns, tokens: room, overheadTokens: turnOverheadTokens, countedBy }
  const context = await findNextContext(db, { ...key, window, recall })
  if (context === undefined) return undefined
  const { turns, before, leftOut } = context
  const borrowed = before && borrowedQuery(query, before)
  const { quotation, dropped } = quoteRecalled(context.recalled, {
    query,
    borrowed,
    maxTokens: recall.tokens,
    message: { content, tokens: messageTokens },
  })
  const parts = receiptParts({
    model: settings.model,
    systemTokens: settings.systemTokens,
    windowFrom: turns[0]?.seq ?? context.nextSeq,
    turns,
    recalled: { tokens: quotation?.tokens ?? 0, turns: quotation?.turns ?? [], elsewhere: 0 },
    message: { content: asked.message, contextText: asked.contextText, tokens: messageTokens },
    before,
    promptTokens: null,
  })
  const isWhole = !leftOut.some(({ reason }) => isOlder(reason))
  const cutBy = turns.length === maxTurns ? 'max_turns' : 'token_budget'
  return {
    model: settings.model,
    ...parts,
    window: {
      ...parts.window,
      ...(!isWhole && { cut_by: cutBy }),
      stays_until_tokens: staysUntilTokens(turns, {
        maxTurns,
        tokens: room,
        recallTokens: recall.tokens,
        recallsElsewhere: recall.scope === 'user',
        isWhole,
      }),
    },
    ...(recall.tokens > 0 && { words: query.words }),
    ...(recall.tokens > 0 &&
      borrowed !== undefined &&
      borrowed.words.length > 0 && { borrowed_words: borrowed.words }),
    budget: {
      total: settings.tokenBudget,
      reply: settings.maxCompletionTokens,
      recall: recall.tokens,
      left: settings.tokenBudget - settings.maxCompletionTokens - parts.tokens.total,
    },
    left_out: leftOutOf(leftOut, {
      quoted: seqsOf(quotation?.turns ?? []),
      dropped: seqsOf(dropped),
      older: recall.tokens > 0 ? 'not_relevant' : cutBy,
    }),
  }
}

/** Of the replies of this session. */
function seqsOf(turns: readonly RecalledTurn[]): number[] {
  return turns.filter(({ sessionId }) => sessionId === undefined).map(({ replySeq }) => replySeq)
}

function isOlder(reason: string): boolean {
  return reason === 'window_starts_later' || reason === 'older_than_window'
}

/**
 * Reports what the model was sent for a reply.
 * @returns undefined if the user has no such reply
 */
export async function replyReceipt(
  { db }: TurnDeps,
  key: SessionKey & { replyId: string },
): Promise<Receipt | undefined> {
  const context = await findReplyContext(db, key, turnOverheadTokens)
  if (context === undefined) return undefined
  const { promptTokens, completionTokens, cachedTokens, sent, message, before, continued } = context
  const query = queryTerms(message.content, message.contextText)
  const quoted = quotedAgain(context.recalled, {
    query,
    borrowed: before && borrowedQuery(query, before),
    content: renderMessage(message.content, message.contextText),
    recalledTokens: sent.recalledTokens,
    elsewhere: sent.recalledElsewhere,
  })
  return {
    reply_id: key.replyId,
    ...receiptParts({
      model: context.model,
      systemTokens: context.systemTokens,
      windowFrom: sent.windowFrom,
      turns: context.turns,
      recalled: {
        tokens: sent.recalledTokens,
        turns: quoted,
        elsewhere: sent.recalledElsewhere,
      },
      message,
      continued: continued && sentAgain(continued.content, continued.tokens),
      before,
      promptTokens,
    }),
    model: context.model,
    ...(promptTokens !== null &&
      completionTokens !== null && {
        usage: {
          prompt_tokens: promptTokens,
          completion_tokens: completionTokens,
          ...(cachedTokens !== null && { cached_tokens: cachedTokens }),
        },
      }),
    left_out: leftOutOf(context.leftOut, {
      quoted: seqsOf(context.recalled),
      dropped: [],
      older: 'older_than_window',
    }),
  }
}
