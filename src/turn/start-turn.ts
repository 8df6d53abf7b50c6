import type { Database } from '../db/database.ts'
import type { ChatModel } from '../llm/chat-model.ts'
import type { Message } from '../protocol.ts'
import { begin, type BeginOptions } from './begin.ts'
import { cacheKeyOf } from './cache-key.ts'
import { continuedPart, continueLimits } from './continue/request.ts'
import { type Caller, type DailyCaps, payersOf } from './payers.ts'
import { promptParts, type PromptPart } from './prompt/parts.ts'
import { quoteRecalled } from './prompt/quotation.ts'
import { renderMessage } from './prompt/render.ts'
import {
  fixedTokens,
  historyTokens,
  recallTokens,
  turnOverheadTokens,
  type WindowSettings,
} from './prompt/window.ts'
import { queryTerms } from './recall/terms.ts'
import { messageTooLong } from './refusal.ts'
import { sessionIdOf, titleOf } from './session-of-turn.ts'
import { countTokens } from './tokens/token-count.ts'
import type { StoredReply, TurnKey, TurnRequest } from './turn.ts'

export interface TurnDeps {
  db: Database
  model: ChatModel
  settings: TurnSettings
}

export interface TurnSettings extends WindowSettings {
  model: string
  systemPrompt: string
  /** Model and system prompt: token counts that the provider reported under the same two can be compared. */
  countedBy: string
  leaseMs: number
  dailyCaps: DailyCaps
  /** Whether the model is sent a key that names the session. */
  sendsCacheKey: boolean
  recall: RecallSettings
}

export interface RecallSettings {
  /** The limit of what recalled turns take in a prompt; 0: nothing is recalled. */
  tokens: number
  /** `user`: from all sessions of the user. */
  scope: 'session' | 'user'
}

/** A turn that holds its lease: its message is stored, and its reply is to be written. */
export interface RunningTurn {
  key: TurnKey
  /** The user of the session as the turn begins. */
  userId: string
  asked: { message: string; contextText: string | null }
  /** The prompt for the model. */
  prompt: PromptPart[]
  /** Names the session to the provider. */
  cacheKey?: string | undefined
  /** The reply that the turn continues, as it was stored. */
  continued?: StoredReply | undefined
}

export interface StartOptions extends BeginOptions {
  /** Of the reply, if the turn creates one. */
  replyId: string
}

export interface StartedTurn {
  sessionId: string
  message: Message
  databaseMs: number
  next: { run: RunningTurn } | { replay: StoredReply }
}

/**
 * Everything of a turn that can be refused with a status, in one round trip. Once this resolves, the message is stored.
 * @throws Problem if the turn is refused, or the database cannot be reached
 */
export async function startTurn(
  { db, settings }: TurnDeps,
  caller: Caller,
  request: TurnRequest,
  { replyId, ...options }: StartOptions,
): Promise<StartedTurn> {
  const content = renderMessage(request.message, request.contextText)
  const messageTokens = countTokens(content)
  const room = historyTokens(settings, messageTokens)
  if (room < 0) throw messageTooLong(-room)
  const continues = request.continues && continueLimits(request.continues, room)
  if (continues && continues.missingTokens > 0) throw messageTooLong(continues.missingTokens)

  const { userId } = caller
  const asked = { message: request.message, contextText: request.contextText ?? null }
  const query = queryTerms(asked.message, asked.contextText)
  const maxRecallTokens = recallTokens(settings, room)
  const [payers, sessionId] = await Promise.all([
    payersOf(settings.dailyCaps, caller),
    request.sessionId ?? sessionIdOf(userId, request.messageId),
  ])
  // It is made while the database works.
  const cacheKey = settings.sendsCacheKey ? cacheKeyOf(sessionId) : undefined
  const lease = crypto.randomUUID()
  const start = {
    userId,
    sessionId,
    createSession: request.sessionId === undefined,
    title: titleOf(request.message),
    messageId: request.messageId ?? crypto.randomUUID(),
    content: asked.message,
    contextText: asked.contextText,
    metadata: request.metadata ?? {},
    messageTokens,
    regenerate: request.regenerate ?? null,
    continues: continues?.limits,
    replyId,
    lease,
    leaseMs: settings.leaseMs,
    window: {
      maxTurns: settings.maxTurns,
      tokens: room,
      overheadTokens: turnOverheadTokens,
      countedBy: settings.countedBy,
    },
    recall: {
      tokens: maxRecallTokens,
      terms: query.terms,
      borrows: query.borrows,
      scope: settings.recall.scope,
    },
    systemTokens: settings.systemTokens,
    maxTokens: fixedTokens(settings, messageTokens) + settings.maxCompletionTokens,
    payers,
  }
  const beginsAt = Date.now()
  const begun = await begin(db, start, options)
  const { message } = begun
  const started = { sessionId, message, databaseMs: Date.now() - beginsAt }
  if (begun.verdict === 'replay') return { ...started, next: { replay: begun.replay } }
  const key = { sessionId, replyId: begun.replyId, lease, payers }
  const rendered = { content, tokens: messageTokens }
  const { continued } = begun
  const roomBeside = room - (continued ? start.continues!.tokens + continued.tokens : 0)
  const { quotation } = quoteRecalled(begun.recalled, {
    query,
    maxTokens: recallTokens(settings, roomBeside),
    message: rendered,
  })
  const prompt = promptParts({
    system: { content: settings.systemPrompt, tokens: settings.systemTokens },
    window: begun.window,
    recalled: quotation,
    message: { seq: message.seq, ...rendered },
    continued: continued && continuedPart(continued),
  })
  const run = { key, userId, asked, prompt, continued, cacheKey: await cacheKey }
  return { ...started, next: { run } }
}
