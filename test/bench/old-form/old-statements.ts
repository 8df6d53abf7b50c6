import type { NeonQueryFunction } from '@neondatabase/serverless'
import { addressOf, type BenchSession, maxDailyTokens, turn } from '../turn-form.ts'

/** The batches of commit 77e6131: the text of `begin-turn.sql` and `finish-turn.sql`. */
export interface OldSql {
  begin: string
  finish: string
}

export interface OldTurn extends BenchSession {
  messageId: string
  replyId: string
  lease: string
  content: string
}

export function newOldTurn(session: BenchSession, content: string): OldTurn {
  return {
    ...session,
    messageId: crypto.randomUUID(),
    replyId: crypto.randomUUID(),
    lease: crypto.randomUUID(),
    content,
  }
}

/** One READ COMMITTED batch, as `Database.batch` sent it. */
export async function runBatch(
  sql: NeonQueryFunction<false, false>,
  text: string,
  parameters: unknown[][],
): Promise<Record<string, unknown>[][]> {
  const statements = text.trim().replace(/;$/, '').split(';\n\n')
  if (statements.length !== parameters.length)
    throw new Error(`${parameters.length} lists of parameters for ${statements.length} statements`)
  const queries = statements.map((statement, index) => sql.query(statement, parameters[index]))
  return sql.transaction(queries, { isolationLevel: 'ReadCommitted' })
}

/** Of each statement of `begin-turn.sql`: lock, settle, the turn as it stands, decide. */
export function beginParameters(old: OldTurn): unknown[][] {
  const { userId, sessionId, messageId, lease } = old
  const locks = [sessionId, `spending of ${userId}`, `spending of ${addressOf(old)}`]
  return [
    [locks],
    [sessionId, lease, sessionId, userId],
    [sessionId, messageId, userId, sessionId],
    decideParameters(old),
  ]
}

/** By the common table expressions that use them. */
function decideParameters(old: OldTurn): unknown[] {
  const { userId, sessionId, messageId, replyId, lease, content } = old
  const payers = [userId, addressOf(old)]
  const title = content.slice(0, 80)
  const { messageTokens, leaseMs } = turn
  const parameters: unknown[][] = [
    // session
    [userId, sessionId],
    // message
    [content, null, '{}', sessionId, messageId],
    // reply, running, named: no reply is asked for anew
    [sessionId, sessionId, sessionId, null],
    // ruling: the session may be created
    [true, null, lease, lease, null, null],
    // turns
    [turn.overheadTokens, turn.countedBy, sessionId, turn.windowTurns, turn.windowTokens],
    // debit
    [turn.maxTokens],
    // full_payer
    [['user', 'address'], payers, [maxDailyTokens, maxDailyTokens]],
    // site, capped
    [maxDailyTokens, maxDailyTokens, maxDailyTokens],
    // others
    [payers],
    // created
    [sessionId, userId, title],
    // advanced
    [title, sessionId],
    // asked
    [sessionId, messageId, content, null, '{}', messageTokens],
    // superseded
    [sessionId],
    // opened
    [sessionId, replyId, messageTokens, messageTokens, lease, leaseMs],
    // retaken
    [messageTokens, messageTokens, lease, leaseMs, sessionId],
    // renewed
    [leaseMs, sessionId],
    // the messages of the window
    [sessionId, sessionId],
  ]
  return parameters.flat()
}

/** Of each statement of `finish-turn.sql`: lock, finish, the reply, refund. */
export function finishParameters(
  old: OldTurn,
  windowFrom: number,
  reply: string = turn.reply,
): unknown[][] {
  const { userId, sessionId, replyId, lease } = old
  const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = turn.usage
  const payers = [userId, addressOf(old), 'site']
  return [
    [sessionId],
    storeParameters(old, windowFrom, reply),
    [sessionId, replyId, sessionId, replyId, lease],
    [
      sessionId,
      replyId,
      lease,
      payers,
      promptTokens + completionTokens,
      promptTokens,
      completionTokens,
    ],
  ]
}

/** By the common table expressions that use them, then those of the update. */
function storeParameters(old: OldTurn, windowFrom: number, reply: string): unknown[] {
  const { sessionId, replyId, lease, content } = old
  const { usage, messageTokens, replyTokens, overheadTokens, countedBy } = turn
  const parameters: unknown[][] = [
    // mine
    [sessionId, replyId, lease],
    // previous
    [sessionId, countedBy],
    // dropped
    [overheadTokens, countedBy, sessionId, windowFrom],
    // told
    [usage.prompt_tokens, overheadTokens, windowFrom],
    // believed: bytes of the message
    [new TextEncoder().encode(content).length],
    // message
    [sessionId],
    // status, content, finish_reason, error_code, model
    ['complete', reply, 'stop', null, turn.model],
    // prompt_tokens, completion_tokens, window_from, token_count
    [usage.prompt_tokens, usage.completion_tokens, windowFrom, replyTokens],
    // turn_tokens, turn_tokens_bound, turn_tokens_exact, counted_by
    [messageTokens, replyTokens, messageTokens + replyTokens, true, countedBy],
    [sessionId, lease],
  ]
  return parameters.flat()
}

/** A turn of the window, as `decide` returns it. */
export interface OldWindowTurn {
  seq: number
  message: string
  reply: string
}

interface OldDecision {
  verdict: string
  /** Null unless the turn is new. */
  seq: number | null
  turns: OldWindowTurn[]
}

/** @throws unless a new turn runs */
export function decisionOf(results: Record<string, unknown>[][]): {
  window: OldWindowTurn[]
  windowFrom: number
} {
  const decision = results[3]?.[0] as OldDecision | undefined
  if (decision?.verdict !== 'new' || decision.seq === null)
    throw new Error(`the old form did not run the turn: ${decision?.verdict}`)
  return { window: decision.turns, windowFrom: decision.turns[0]?.seq ?? decision.seq }
}
