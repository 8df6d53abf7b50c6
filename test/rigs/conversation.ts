import { inject } from 'vitest'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { type Finished, finishTurn } from '../../src/db/turns/finish-turn.ts'
import { turnOverheadTokens } from '../../src/turn/prompt/window.ts'
import type { SentPrompt, TurnCheckpoint, TurnEnd } from '../../src/turn/turn-end.ts'
import type { Begun, TurnStart } from '../../src/turn/turn.ts'

export function testDatabase(): Database {
  return createDatabase({ ...inject('database'), timeoutMs: 20_000 })
}

export function newUserId(): string {
  return `visitor:${crypto.randomUUID()}`
}

const countedBy = 'test-model#1'

/** A turn of a session that is made where it is not there. Ids are new, counts small, room is plenty, no cap holds. */
export function turnStart(change: Partial<TurnStart> = {}): TurnStart {
  const { userId = newUserId() } = change
  return {
    userId,
    sessionId: crypto.randomUUID(),
    createSession: true,
    title: 'Title',
    messageId: crypto.randomUUID(),
    content: 'Hello',
    contextText: null,
    metadata: {},
    messageTokens: 10,
    regenerate: null,
    replyId: crypto.randomUUID(),
    lease: crypto.randomUUID(),
    leaseMs: 15_000,
    systemTokens: 10,
    maxTokens: 100,
    payers: [{ kind: 'user', name: userId, maxTokens: undefined }],
    recall: { tokens: 0, terms: [], borrows: true, scope: 'session' },
    ...change,
    window: {
      maxTurns: 20,
      tokens: 1_000_000,
      overheadTokens: turnOverheadTokens,
      countedBy,
      ...change.window,
    },
  }
}

export function turnEnd(change: Partial<TurnEnd> = {}): TurnEnd {
  return {
    status: 'complete',
    content: 'Hi',
    terms: [],
    messageTerms: 0,
    finishReason: 'stop',
    errorCode: null,
    model: 'test-model',
    usage: undefined,
    cachedTokens: null,
    spent: { prompt_tokens: 20, completion_tokens: 10, cached_tokens: 16 },
    tokens: { message: 10, reply: 10 },
    reportedReplyTokens: undefined,
    messageBytes: 1_000,
    sent: sentFrom(1),
    overheadTokens: turnOverheadTokens,
    countedBy,
    ...change,
  }
}

/** A prompt whose window begins at this `seq`, and nothing beside it. */
export function sentFrom(windowFrom: number): SentPrompt {
  return { windowFrom, recalled: [], recalledElsewhere: 0, recalledTokens: 0 }
}

export function turnCheckpoint(change: Partial<TurnCheckpoint> = {}): TurnCheckpoint {
  return {
    content: 'H',
    terms: [],
    messageTerms: 0,
    tokens: { message: 10, reply: 5 },
    sent: sentFrom(1),
    leaseMs: 15_000,
    ...change,
  }
}

export async function finish(
  db: Database,
  start: TurnStart,
  change: Partial<TurnEnd> = {},
  historyLimit = 0,
): Promise<Finished> {
  return finishTurn(db, start, turnEnd(change), { historyLimit })
}

/** A whole turn: begun, answered, stored. */
export async function takeTurn(
  db: Database,
  change: Partial<TurnStart> = {},
  end: Partial<TurnEnd> = {},
): Promise<{ start: TurnStart; begun: Begun; finished: Finished }> {
  const start = turnStart(change)
  const begun = await beginTurn(db, start)
  const replyId = begun.verdict === 'run' ? begun.replyId : start.replyId
  const windowFrom =
    begun.verdict === 'run' ? (begun.window[0]?.seq ?? begun.message.seq) : undefined
  const finished = await finish(
    db,
    { ...start, replyId },
    { ...(windowFrom !== undefined && { sent: sentFrom(windowFrom) }), ...end },
  )
  return { start, begun, finished }
}

/** Makes a running turn's lease run out, as a Worker that died leaves it: this one, or any of the session. */
export async function expireLease(
  db: Database,
  { sessionId, lease }: { sessionId: string; lease?: string },
): Promise<void> {
  await db.kysely
    .updateTable('messages')
    .set({ lease_expires_at: new Date(Date.now() - 1_000).toISOString() })
    .where('session_id', '=', sessionId)
    .$if(lease !== undefined, (query) => query.where('lease', '=', lease ?? null))
    .execute()
}
