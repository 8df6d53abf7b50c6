import { attempt } from '../db/attempt.ts'
import type { Database } from '../db/database.ts'
import { abandonTurn } from '../db/turns/abandon-turn.ts'
import { beginTurn } from '../db/turns/begin-turn.ts'
import { describeFault, Problem } from '../errors.ts'
import type { ChatModel } from '../llm/chat-model.ts'
import type { Message } from '../protocol.ts'
import { cacheKeyOf } from './cache-key.ts'
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
import { messageTooLong, refusal } from './refusal.ts'
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
  /** Whoever the session belongs to as the turn begins. */
  userId: string
  asked: { message: string; contextText: string | null }
  /** The prompt for the model. */
  prompt: PromptPart[]
  /** Names the session to the provider. */
  cacheKey?: string | undefined
  /** The reply that the turn continues, as it was stored. */
  continued?: StoredReply | undefined
}

export interface StartOptions {
  /** Of the reply, if the turn creates one. */
  replyId: string
  /** Keeps work alive that goes on after the response. */
  waitUntil: (work: Promise<void>) => void
  /**
   * Ends the session's running reply if nobody watches it. Resolves to whether it has ended; never rejects. Absent: no
   * reply is ended.
   */
  endUnwatched?: ((replyId: string) => Promise<boolean>) | undefined
}

export interface StartedTurn {
  sessionId: string
  message: Message
  databaseMs: number
  next: { run: RunningTurn } | { replay: StoredReply }
}

/** Even after a definite failure: it may be that of a repeat, and the first attempt may have been committed. */
const mayHaveBegun: readonly string[] = [
  'database_unavailable',
  'database_timeout',
  'data_too_large',
]

/** The platform ends what runs 30 s after the response. The attempts span that time also if each is refused at once. */
const abandon = { attempts: 8, timeoutMs: 25_000, pauseMs: 3_000 } as const

/**
 * Everything of a turn that can be refused with a status, in one round trip. Once this resolves, the message is stored.
 * @throws Problem if the turn is refused, or the database cannot be reached
 */
export async function startTurn(
  { db, settings }: TurnDeps,
  caller: Caller,
  request: TurnRequest,
  { replyId, waitUntil }: StartOptions,
): Promise<StartedTurn> {
  const content = renderMessage(request.message, request.contextText)
  const messageTokens = countTokens(content)
  const room = historyTokens(settings, messageTokens)
  if (room < 0) throw messageTooLong(-room)

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
  const abandonLater = () => waitUntil(abandonBegin(db, { sessionId, lease, payers }))
  const beginsAt = Date.now()
  // A begin whose answer was lost may hold the lease. Repeated under the same lease, it finds what it did.
  const begun = await attempt((timeoutMs) => beginTurn(db, start, { timeoutMs }), {
    attempts: 2,
    timeoutMs: db.timeoutMs,
    pauseMs: 0,
  }).catch((error: unknown) => {
    if (!(error instanceof Problem) || mayHaveBegun.includes(error.code)) abandonLater()
    throw error
  })
  // The first attempt was committed, and was erased or taken over before the second one: its debit is left.
  if (begun.verdict === 'ended') abandonLater()
  if (begun.verdict !== 'run' && begun.verdict !== 'replay') throw refusal(begun)
  const { message } = begun
  const started = { sessionId, message, databaseMs: Date.now() - beginsAt }
  if (begun.verdict === 'replay') return { ...started, next: { replay: begun.replay } }
  const key = { sessionId, replyId: begun.replyId, lease, payers }
  const rendered = { content, tokens: messageTokens }
  const { quotation } = quoteRecalled(begun.recalled, {
    query,
    maxTokens: maxRecallTokens,
    message: rendered,
  })
  const prompt = promptParts({
    system: { content: settings.systemPrompt, tokens: settings.systemTokens },
    window: begun.window,
    recalled: quotation,
    message: { seq: message.seq, ...rendered },
  })
  return { ...started, next: { run: { key, userId, asked, prompt, cacheKey: await cacheKey } } }
}

/** Without it, a begin that was committed unseen would lock the session for its lease and keep its debit for the day. */
async function abandonBegin(
  db: Database,
  turn: Pick<TurnKey, 'sessionId' | 'lease' | 'payers'>,
): Promise<void> {
  const errorCode = 'database_unavailable'
  try {
    await attempt((timeoutMs) => abandonTurn(db, turn, { errorCode, timeoutMs }), abandon)
  } catch (error) {
    const fault = describeFault(error)
    console.log(JSON.stringify({ session_id: turn.sessionId, code: 'abandon_failed', fault }))
  }
}
