import type { Begun, Payer, TurnStart, WindowTurn } from '../../turn/turn.ts'
import type { Database } from '../database.ts'
import { type MessageRecord, toMessage } from '../messages.ts'
import { callTurnFunction } from './turn-function.ts'

/** What `begin_turn` returns. */
export type BegunRecord =
  | { verdict: 'run'; message: MessageRecord; reply_id: string; turns: WindowRecord[] }
  | { verdict: 'replay'; message: MessageRecord; reply: MessageRecord }
  | { verdict: 'running' | 'busy'; retry_after_ms: number }
  | { verdict: 'capped'; capped: Payer['kind']; retry_after_ms: number }
  | { verdict: 'mismatch' | 'not_last' | 'not_found' }

/** A turn of the window, by place. */
type WindowRecord = [
  seq: number,
  tokens: number,
  exact: boolean,
  message: string,
  contextText: string | null,
  reply: string,
  replySeq: number,
]

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
  const begun = await callTurnFunction<BegunRecord>(db, 'begin_turn', requestOf(start), options)
  switch (begun.verdict) {
    case 'run':
      return {
        verdict: 'run',
        message: toMessage(begun.message),
        replyId: begun.reply_id,
        window: begun.turns.map(toWindowTurn),
      }
    case 'replay':
      return {
        verdict: 'replay',
        message: toMessage(begun.message),
        replay: { reply: toMessage(begun.reply), errorCode: begun.reply.error_code },
      }
    case 'running':
    case 'busy':
      return { verdict: begun.verdict, retryAfterMs: begun.retry_after_ms }
    case 'capped':
      return { verdict: 'capped', capped: begun.capped, retryAfterMs: begun.retry_after_ms }
    default:
      return begun
  }
}

/** The members of the SQL type `turn_start`. */
function requestOf(start: TurnStart) {
  const { window } = start
  return {
    session_id: start.sessionId,
    user_id: start.userId,
    create_session: start.createSession,
    title: start.title,
    message_id: start.messageId,
    content: start.content,
    context_text: start.contextText,
    metadata: start.metadata,
    message_tokens: start.messageTokens,
    regenerate: start.regenerate,
    reply_id: start.replyId,
    lease: start.lease,
    lease_ms: start.leaseMs,
    max_turns: window.maxTurns,
    window_tokens: window.tokens,
    overhead_tokens: window.overheadTokens,
    counted_by: window.countedBy,
    system_tokens: start.systemTokens,
    max_tokens: start.maxTokens,
    payers: start.payers.map(({ kind, name, maxTokens }) => ({
      kind,
      name,
      max_tokens: maxTokens,
    })),
  }
}

function toWindowTurn(record: WindowRecord): WindowTurn {
  const [seq, tokens, exact, message, contextText, reply, replySeq] = record
  return { seq, replySeq, message, contextText, reply, tokens, exact }
}
