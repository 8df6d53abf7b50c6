import type { Message } from '../../protocol.ts'
import { decide, lockTurn, settle } from './begin-statements.ts'
import type { Database } from '../database.ts'
import { type StoredReply, toMessage } from '../messages.ts'
import type { Payer } from '../spending.ts'
import { turnAsItStands } from './turn-as-it-stands.ts'
import type { TurnStart } from './turn-start.ts'
import type { WindowRow } from './window-turns.ts'

/** A turn of the context window. */
export interface WindowTurn {
  /** Of the user's message. */
  seq: number
  message: string
  contextText: string | null
  reply: string
  /** Overhead included. */
  tokens: number
}

export type Begun =
  | { verdict: 'run'; message: Message; replyId: string; window: WindowTurn[] }
  | { verdict: 'replay'; message: Message; replay: StoredReply }
  | { verdict: 'running' | 'busy'; retryAfterMs: number }
  | { verdict: 'capped'; capped: Payer['kind']; retryAfterMs: number }
  | { verdict: 'mismatch' | 'not_last' | 'not_found' }

/**
 * Takes a turn's lease, stores its message and an empty reply, debits what it may cost, and cuts its window: one round
 * trip. Where it is refused, it leaves nothing behind.
 * Asked again with the same lease, it finds what it did: so a call whose answer was lost is repeated safely.
 *
 * One batch and not one statement: a statement that waited for a row reads that row anew, but its other parts keep
 * the snapshot from before the wait. Here every statement after the lock sees what the lock waited for.
 */
export async function beginTurn(
  db: Database,
  start: TurnStart,
  options?: { timeoutMs?: number },
): Promise<Begun> {
  const [, , rows, [decision]] = await db.batch(
    [
      lockTurn(start).compile(db.kysely),
      settle(start).compile(db.kysely),
      turnAsItStands(start).compile(db.kysely),
      decide(start).compile(db.kysely),
    ],
    options,
  )
  if (decision === undefined) throw new Error('begin returned no verdict')
  const { verdict, retry_after_ms: retryAfterMs } = decision
  switch (verdict) {
    case 'not_found':
    case 'mismatch':
    case 'not_last':
      return { verdict }
    case 'running':
    case 'busy':
      return { verdict, retryAfterMs: retryAfterMs ?? 0 }
    case 'capped':
      return { verdict, capped: decision.capped ?? 'user', retryAfterMs: retryAfterMs ?? 0 }
  }
  const [message, reply] = rows.map(toMessage)
  const window = decision.turns.map(toWindowTurn)
  if (decision.id !== null)
    return { verdict: 'run', message: toMessage(decision), replyId: start.replyId, window }
  if (message === undefined || reply === undefined) throw new Error('begin returned no turn')
  if (verdict === 'replay')
    return { verdict, message, replay: { reply, errorCode: rows[1]?.error_code ?? null } }
  return {
    verdict: 'run',
    message,
    replyId: verdict === 'instead' ? start.replyId : reply.id,
    window,
  }
}

function toWindowTurn({ context_text: contextText, ...row }: WindowRow): WindowTurn {
  return { ...row, contextText }
}
