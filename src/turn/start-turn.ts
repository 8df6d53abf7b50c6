import { attempt } from '../db/attempt.ts'
import { type Begun, beginTurn, type WindowTurn } from '../db/turns/begin-turn.ts'
import type { Database } from '../db/database.ts'
import type { StoredReply } from '../db/messages.ts'
import type { TurnKey } from '../db/turns/turn-end.ts'
import { Problem } from '../errors.ts'
import type { ChatModel } from '../llm/chat-model.ts'
import type { ChatRequest, Message } from '../protocol.ts'
import {
  fixedTokens,
  historyTokens,
  turnOverheadTokens,
  type WindowSettings,
} from './prompt/window.ts'
import { type Caller, capDetails, type DailyCaps, payersOf } from './payers.ts'
import { renderMessage } from './prompt/render.ts'
import { sessionIdOf, titleOf } from './session-of-turn.ts'
import { countTokens } from './tokens/token-count.ts'

export interface TurnDeps {
  db: Database
  model: ChatModel
  settings: TurnSettings
}

export interface TurnSettings extends WindowSettings {
  model: string
  systemPrompt: string
  /** Model and system prompt: under which token counts told by the provider are comparable. */
  countedBy: string
  leaseMs: number
  dailyCaps: DailyCaps
}

/** A turn that holds its lease: its message is stored, its reply is to be written. */
export interface RunningTurn {
  key: TurnKey
  message: Message
  /** The message as the model is sent it. */
  rendered: string
  messageTokens: number
  window: WindowTurn[]
}

export interface StartedTurn {
  sessionId: string
  message: Message
  databaseMs: number
  /** The reply is to be written, or it is here already. */
  next: { run: RunningTurn } | { replay: StoredReply }
}

/**
 * Everything of a turn that can be refused with a status, in one round trip: once this resolves, the message is
 * stored for good.
 * @throws Problem
 */
export async function startTurn(
  { db, settings }: TurnDeps,
  caller: Caller,
  request: ChatRequest,
): Promise<StartedTurn> {
  const rendered = renderMessage(request.message, request.context_text)
  const messageTokens = countTokens(rendered)
  const left = historyTokens(settings, messageTokens)
  if (left < 0) throw tooLong(-left)

  const { userId } = caller
  const payers = await payersOf(settings.dailyCaps, caller)
  const lease = crypto.randomUUID()
  const sessionId = request.session_id ?? (await sessionIdOf(userId, request.message_id))
  const start = {
    userId,
    sessionId,
    createSession: request.session_id === undefined,
    title: titleOf(request.message),
    messageId: request.message_id ?? crypto.randomUUID(),
    content: request.message,
    contextText: request.context_text ?? null,
    metadata: request.metadata ?? {},
    messageTokens,
    regenerate: request.regenerate ?? null,
    replyId: crypto.randomUUID(),
    lease,
    leaseMs: settings.leaseMs,
    window: {
      maxTurns: settings.maxTurns,
      tokens: left,
      overheadTokens: turnOverheadTokens,
      countedBy: settings.countedBy,
    },
    maxTokens: fixedTokens(settings, messageTokens) + settings.maxCompletionTokens,
    payers,
  }
  const beginsAt = Date.now()
  // A begin whose answer was lost may hold the lease: asked again under the same one, it finds what it did.
  const begun = await attempt((timeoutMs) => beginTurn(db, start, { timeoutMs }), {
    attempts: 2,
    timeoutMs: db.timeoutMs,
    pauseMs: 0,
  })
  if (begun.verdict !== 'run' && begun.verdict !== 'replay') throw refusal(begun)
  const { message } = begun
  const started = { sessionId, message, databaseMs: Date.now() - beginsAt }
  if (begun.verdict === 'replay') return { ...started, next: { replay: begun.replay } }
  const key = { sessionId, replyId: begun.replyId, lease, payers }
  const run = { key, message, rendered, messageTokens, window: begun.window }
  return { ...started, next: { run } }
}

function tooLong(excessTokens: number): Problem {
  return new Problem('message_too_long', {
    detail: `message and context_text are some ${excessTokens} tokens too long for the context window`,
    members: { errors: [{ field: 'message', message: 'does not fit in the context window' }] },
  })
}

function refusal(begun: Exclude<Begun, { verdict: 'run' | 'replay' }>): Problem {
  switch (begun.verdict) {
    case 'not_found':
      return new Problem('not_found')
    case 'mismatch':
      return new Problem('message_mismatch', {
        detail:
          'message, context_text and metadata must be those of the message that message_id names',
      })
    case 'not_last':
      return new Problem('not_last_turn')
    case 'running':
    case 'busy':
      return new Problem(begun.verdict === 'running' ? 'turn_running' : 'session_busy', {
        // Most replies end long before their lease, which the running turn renews.
        retryAfterSeconds: Math.min(2, Math.max(1, Math.ceil(begun.retryAfterMs / 1_000))),
      })
    case 'capped':
      return new Problem('daily_limit_reached', {
        detail: capDetails[begun.capped],
        retryAfterSeconds: Math.max(1, Math.ceil(begun.retryAfterMs / 1_000)),
        members: { limit: begun.capped },
      })
  }
}
