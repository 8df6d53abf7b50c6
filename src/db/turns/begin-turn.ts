import type { Begun, RecalledTurn, TurnStart, WindowTurn } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { toMessage } from '../messages.ts'
import { callTurnFunction } from './turn-function.ts'
import { Begun as BegunJson, type RecalledRecord, type WindowRecord } from './turn-json.ts'

const result = column.json(BegunJson)

/**
 * Takes a turn's lease, debits what it may cost, stores its message and an empty reply, and cuts its window: one round
 * trip. A turn that is refused leaves nothing behind. Repeated under the same lease, it finds what it did, so a call
 * whose answer was lost can be repeated.
 */
export async function beginTurn(
  db: Database,
  start: TurnStart,
  options?: { timeoutMs?: number },
): Promise<Begun> {
  const begun = await callTurnFunction(db, 'begin_turn', requestOf(start), { result, ...options })
  switch (begun.verdict) {
    case 'run':
      return {
        verdict: 'run',
        message: toMessage(begun.message),
        replyId: begun.reply_id,
        window: begun.turns.map(toWindowTurn),
        // The functions of schema 7 recall nothing: a new Worker meets them until the migrations have run.
        recalled: (begun.recalled ?? []).map(toRecalledTurn),
        ...(begun.continued && {
          continued: {
            reply: toMessage(begun.continued),
            errorCode: begun.continued.error_code,
            tokens: begun.continued_tokens,
          },
        }),
      }
    case 'replay':
      return {
        verdict: 'replay',
        message: toMessage(begun.message),
        replay: { reply: toMessage(begun.reply), errorCode: begun.reply.error_code },
      }
    case 'running':
      return { verdict: 'running', retryAfterMs: begun.retry_after_ms }
    case 'busy':
      return {
        verdict: 'busy',
        retryAfterMs: begun.retry_after_ms,
        replyId: begun.reply_id ?? null,
      }
    case 'capped':
      return { verdict: 'capped', capped: begun.capped, retryAfterMs: begun.retry_after_ms }
    default:
      return begun
  }
}

/** The part of a turn that its prompt depends on. */
export type NextTurn = Pick<TurnStart, 'sessionId' | 'userId' | 'window' | 'recall'>

/** Members of the SQL type `turn_start`. */
export function requestOfContext({ sessionId, userId, window, recall }: NextTurn) {
  return {
    session_id: sessionId,
    user_id: userId,
    max_turns: window.maxTurns,
    window_tokens: window.tokens,
    overhead_tokens: window.overheadTokens,
    counted_by: window.countedBy,
    recall_tokens: recall.tokens,
    recall_terms: recall.terms,
    recall_borrows: recall.borrows,
    recalls_elsewhere: recall.scope === 'user',
  }
}

function requestOf(start: TurnStart) {
  return {
    ...requestOfContext(start),
    create_session: start.createSession,
    title: start.title,
    message_id: start.messageId,
    content: start.content,
    context_text: start.contextText,
    metadata: start.metadata,
    message_tokens: start.messageTokens,
    regenerate: start.regenerate,
    continues: start.continues?.replyId,
    continue_from: start.continues?.from,
    continue_tokens: start.continues?.tokens,
    continue_bytes: start.continues?.maxBytes,
    reply_id: start.replyId,
    lease: start.lease,
    lease_ms: start.leaseMs,
    system_tokens: start.systemTokens,
    max_tokens: start.maxTokens,
    payers: start.payers.map(({ kind, name, maxTokens }) => ({
      kind,
      name,
      max_tokens: maxTokens,
    })),
  }
}

export function toWindowTurn(record: WindowRecord): WindowTurn {
  const [seq, tokens, exact, message, contextText, reply, replySeq] = record
  return { seq, replySeq, message, contextText, reply, tokens, exact }
}

export function toRecalledTurn(record: RecalledRecord): RecalledTurn {
  const [sessionId, seq, replySeq, at, score, share, message, contextText, reply] = record
  const createdAt = new Date(at).toISOString()
  const turn = { seq, replySeq, createdAt, score, share, message, contextText, reply }
  return sessionId === null ? turn : { sessionId, ...turn }
}
