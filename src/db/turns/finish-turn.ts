import { limits } from '../../limits.ts'
import type { Message } from '../../protocol.ts'
import type { TurnCheckpoint, TurnEnd } from '../../turn/turn-end.ts'
import type { TurnKey } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { type History, toMessage } from '../messages.ts'
import { callTurnFunction } from './turn-function.ts'
import { Finished as FinishedJson } from './turn-json.ts'

const checkpointed = column.oneOf<'go_on' | 'stop' | 'lost'>()
const result = column.json(FinishedJson)

/**
 * Stores the reply as far as it has come and renews the lease. A late checkpoint takes nothing back.
 * @returns `stop` if the visitor asked for it, `lost` if the lease was taken over or the session erased
 */
export async function checkpointTurn(
  db: Database,
  turn: TurnKey,
  checkpoint: TurnCheckpoint,
  options?: { timeoutMs?: number },
): Promise<'go_on' | 'stop' | 'lost'> {
  const request = { ...soFar(turn, checkpoint), lease_ms: checkpoint.leaseMs }
  return callTurnFunction(db, 'checkpoint_turn', request, { result: checkpointed, ...options })
}

export type Finished =
  | { outcome: 'stored'; reply: Message; history: History }
  /** The lease was taken over: what the session holds now is another turn's. */
  | { outcome: 'taken_over' }
  | { outcome: 'session_deleted' }

/**
 * Stores how a turn ended, if the reply still has this turn's lease, and refunds the part of its debit that was not
 * spent: one round trip. Repeated, it finds what it did.
 * @param options.historyLimit how many of the session's newest messages to read, as they are after the write
 */
export async function finishTurn(
  db: Database,
  turn: TurnKey,
  end: TurnEnd,
  options: { historyLimit: number; timeoutMs?: number },
): Promise<Finished> {
  const { historyLimit, ...deadline } = options
  const request = { ...soFar(turn, end), ...endOf(turn, end), history_limit: historyLimit }
  const finished = await callTurnFunction(db, 'finish_turn', request, { result, ...deadline })
  if (finished.outcome !== 'stored') return { outcome: finished.outcome }
  const { reply, history } = finished
  return {
    outcome: 'stored',
    reply: toMessage(reply),
    history: {
      messages: history?.messages.map(toMessage) ?? [],
      hasMore: history?.has_more ?? true,
    },
  }
}

/** The members of the SQL type `turn_end` that a checkpoint has too. */
function soFar({ sessionId, replyId, lease }: TurnKey, turn: TurnCheckpoint | TurnEnd) {
  const { content, tokens, sent, terms, messageTerms } = turn
  return {
    session_id: sessionId,
    reply_id: replyId,
    lease,
    content,
    message_tokens: tokens.message,
    reply_tokens: tokens.reply,
    window_from: sent.windowFrom,
    recalled: sent.recalled.length > 0 ? sent.recalled : null,
    recalled_elsewhere: sent.recalledElsewhere,
    recalled_tokens: sent.recalledTokens,
    terms,
    message_terms: messageTerms,
  }
}

function endOf({ payers }: TurnKey, end: TurnEnd) {
  return {
    status: end.status,
    finish_reason: end.finishReason,
    error_code: end.errorCode,
    model: end.model,
    prompt_tokens: end.usage?.prompt_tokens,
    completion_tokens: end.usage?.completion_tokens,
    cached_tokens: end.cachedTokens,
    reported_reply_tokens: end.reportedReplyTokens,
    message_bytes: end.messageBytes,
    overhead_tokens: end.overheadTokens,
    counted_by: end.countedBy,
    spent_prompt_tokens: end.spent.prompt_tokens,
    spent_completion_tokens: end.spent.completion_tokens,
    spent_cached_tokens: end.spent.cached_tokens,
    payers: payers.map(({ name }) => name),
    history_bytes: limits.historyBytes,
    continued_tokens: end.sent.continuedTokens,
  }
}
