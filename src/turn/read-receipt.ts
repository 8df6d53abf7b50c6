import { findNextContext } from '../db/turns/next-context.ts'
import { findReplyContext } from '../db/turns/reply-context.ts'
import type { Receipt } from '../protocol-receipt.ts'
import { receiptParts } from './prompt/receipt.ts'
import { renderMessage } from './prompt/render.ts'
import { fixedTokens, historyTokens, turnOverheadTokens } from './prompt/window.ts'
import { messageTooLong } from './refusal.ts'
import type { TurnDeps } from './start-turn.ts'
import { countTokens } from './tokens/token-count.ts'

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
  request: { message: string; contextText: string | null },
): Promise<Receipt | undefined> {
  const { maxTurns, countedBy } = settings
  const messageTokens = countTokens(renderMessage(request.message, request.contextText))
  const room = historyTokens(settings, messageTokens)
  if (room < 0) throw messageTooLong(-room)
  const context = await findNextContext(db, key, {
    maxTurns,
    tokens: room,
    overheadTokens: turnOverheadTokens,
    countedBy,
  })
  if (context === undefined) return undefined
  const { turns, skipped } = context
  const windowTokens = turns.reduce((sum, { tokens }) => sum + tokens, 0)
  const used = fixedTokens(settings, messageTokens) + windowTokens
  const cutBy = turns.length === maxTurns ? 'max_turns' : 'token_budget'
  return {
    model: settings.model,
    ...receiptParts({
      systemTokens: settings.systemTokens,
      turns,
      recalled: [],
      recalledTokens: 0,
      message: {
        content: request.message,
        contextText: request.contextText,
        tokens: messageTokens,
      },
    }),
    budget: {
      total: settings.tokenBudget,
      reply: settings.maxCompletionTokens,
      left: settings.tokenBudget - settings.maxCompletionTokens - used,
    },
    left_out: skipped.map((range) => ({
      ...range,
      reason: range.reason === 'older_than_window' ? cutBy : range.reason,
    })),
  }
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
  const { promptTokens, completionTokens, sent, turns, systemTokens, message } = context
  return {
    reply_id: key.replyId,
    model: context.model,
    ...receiptParts({ systemTokens, turns, ...sent, message }),
    ...(promptTokens !== null &&
      completionTokens !== null && {
        usage: { prompt_tokens: promptTokens, completion_tokens: completionTokens },
      }),
    left_out: context.skipped,
  }
}
