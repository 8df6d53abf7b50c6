import type { Message } from '../protocol.ts'
import { cutWindow, decide, settle, turnAsItStands, type WindowRow } from './begin-statements.ts'
import type { Database } from './database.ts'
import { type StoredReply, toMessage } from './messages.ts'
import { lockSession } from './session-lock.ts'
import type { TurnStart } from './turn-start.ts'

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
  | { verdict: 'mismatch' | 'not_last' | 'not_found' }

/**
 * Takes a turn's lease, stores its message and an empty reply, and cuts its window: one round trip.
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
  const [, , [decision], rows, window] = await db.batch(
    [
      lockSession(start.sessionId).compile(db.kysely),
      settle(start).compile(db.kysely),
      decide(start).compile(db.kysely),
      turnAsItStands(start).compile(db.kysely),
      cutWindow(start).compile(db.kysely),
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
  }
  const [message, reply] = rows.map(toMessage)
  if (message === undefined || reply === undefined) throw new Error('begin returned no turn')
  return verdict === 'replay'
    ? { verdict, message, replay: { reply, errorCode: rows[1]?.error_code ?? null } }
    : { verdict: 'run', message, replyId: reply.id, window: window.map(toWindowTurn) }
}

function toWindowTurn({ context_text: contextText, ...row }: WindowRow): WindowTurn {
  return { ...row, contextText }
}
