import { sql } from 'kysely'
import type { Database } from '../../../src/db/database.ts'
import { beginTurn } from '../../../src/db/turns/begin-turn.ts'
import { finishTurn } from '../../../src/db/turns/finish-turn.ts'
import { Env } from '../../../src/env.ts'
import { historyTokens, recallTokens, turnOverheadTokens } from '../../../src/turn/prompt/window.ts'
import { turnTerms } from '../../../src/turn/recall/terms.ts'
import { sessionIdOf, titleOf } from '../../../src/turn/session-of-turn.ts'
import { countTokens } from '../../../src/turn/tokens/token-count.ts'
import { DevError } from '../dev-error.ts'
import { type ExampleTurn, gardenChat } from './garden-chat.ts'

export interface Example {
  sessionId: string
  turns: number
}

/**
 * Writes a long conversation into the history of this user, as the Worker does, but with older dates and without a debit. Its
 * ids are derived from the user: a second call finds the conversation and writes what is missing.
 * @throws DevError if the conversation has become another user's
 */
export async function writeExample(db: Database, userId: string): Promise<Example> {
  const idOf = (name: string) => sessionIdOf(userId, `example ${name}`)
  const sessionId = await idOf('session')
  const example = { sessionId, turns: gardenChat.length }
  if (
    await isComplete(db, {
      userId,
      sessionId,
      lastReplyId: await idOf(`reply ${gardenChat.length}`),
    })
  )
    return example

  for (const [index, turn] of gardenChat.entries()) {
    const place = index + 1
    const isLast = place === gardenChat.length
    // oxlint-disable-next-line no-await-in-loop -- one turn after another
    const [messageId, replyId] = await Promise.all([
      idOf(`message ${place}`),
      idOf(`reply ${place}`),
    ])
    // oxlint-disable-next-line no-await-in-loop -- one turn after another
    await writeTurn(db, { userId, sessionId, messageId, replyId }, turn, {
      // A conversation whose last turn is complete has its dates.
      beforeEnd: () => (isLast ? writeDates(db, sessionId) : undefined),
    })
  }
  return example
}

interface TurnIds {
  userId: string
  sessionId: string
  messageId: string
  replyId: string
}

async function writeTurn(
  db: Database,
  ids: TurnIds,
  { message, reply }: ExampleTurn,
  { beforeEnd }: { beforeEnd: () => Promise<void> | undefined },
): Promise<void> {
  const { sessionId, replyId } = ids
  const lease = crypto.randomUUID()
  const tokens = { message: countTokens(message), reply: countTokens(reply) }
  const room = historyTokens(defaults, tokens.message)
  const begun = await beginTurn(db, {
    ...ids,
    createSession: true,
    title: titleOf(message),
    content: message,
    contextText: null,
    metadata: {},
    messageTokens: tokens.message,
    regenerate: null,
    lease,
    leaseMs,
    window: {
      maxTurns: defaults.maxTurns,
      tokens: room,
      overheadTokens: turnOverheadTokens,
      countedBy,
    },
    // Without terms nothing is recalled, but the window leaves room for it.
    recall: { tokens: recallTokens(defaults, room), terms: [], borrows: false, scope: 'session' },
    systemTokens: defaults.systemTokens,
    maxTokens: 0,
    payers: [],
  })
  if (begun.verdict === 'replay') return
  if (begun.verdict !== 'run')
    throw new DevError(`the example conversation cannot be written (${begun.verdict})`)

  await beforeEnd()
  await finishTurn(
    db,
    { sessionId, replyId, lease, payers: [] },
    {
      status: 'complete',
      content: reply,
      ...turnTerms(message, null, reply),
      finishReason: 'stop',
      errorCode: null,
      model: countedBy,
      usage: undefined,
      cachedTokens: null,
      spent: { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 },
      tokens,
      reportedReplyTokens: undefined,
      messageBytes: Buffer.byteLength(message),
      sent: {
        windowFrom: begun.window[0]?.seq ?? begun.message.seq,
        recalled: [],
        recalledElsewhere: 0,
        recalledTokens: 0,
      },
      overheadTokens: turnOverheadTokens,
      countedBy,
    },
    { historyLimit: 0 },
  )
}

/** Stands for the model: no count of these turns is a provider's. */
const countedBy = 'example'

/** The receipts of these turns show the prompts of a Worker with default settings, without recall. */
const defaults = {
  maxTurns: Env.shape.CONTEXT_MAX_TURNS.parse(undefined),
  tokenBudget: Env.shape.CONTEXT_TOKEN_BUDGET.parse(undefined),
  maxCompletionTokens: Env.shape.MAX_COMPLETION_TOKENS.parse(undefined),
  systemTokens: countTokens(Env.shape.SYSTEM_PROMPT.parse(undefined)),
  recall: { tokens: Env.shape.RECALL_TOKENS.parse(undefined) },
}

/** Nobody else writes in this session, so a turn that was interrupted may run again at once. */
const leaseMs = 1

async function isComplete(
  { kysely }: Database,
  { userId, sessionId, lastReplyId }: { userId: string; sessionId: string; lastReplyId: string },
): Promise<boolean> {
  const reply = await kysely
    .selectFrom('messages')
    .innerJoin('sessions', 'sessions.id', 'messages.session_id')
    .select('messages.id')
    .where('sessions.id', '=', sessionId)
    .where('sessions.user_id', '=', userId)
    .where('messages.id', '=', lastReplyId)
    .where('messages.status', 'in', ['complete', 'superseded'])
    .executeTakeFirst()
  return reply !== undefined
}

async function writeDates({ kysely }: Database, sessionId: string): Promise<void> {
  const dates = gardenChat.flatMap((_, index) =>
    [1, 2].map((place) => ({ seq: 2 * index + place, at: dateOf(index) })),
  )
  await sql`
with dated as (
  update messages set created_at = date.at
  from jsonb_to_recordset(${JSON.stringify(dates)}::jsonb) as date (seq integer, at timestamptz)
  where session_id = ${sessionId} and messages.seq = date.seq
)
update sessions set created_at = ${dateOf(0)}, last_message_at = ${dateOf(gardenChat.length - 1)}
where id = ${sessionId}`.execute(kysely)
}

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
const turnsOfVisit = 11
const daysBetweenVisits = 3

/** Of a turn, by its place from 0: the visitor comes every third day, the last time two days ago. */
function dateOf(index: number): string {
  const visitsLater = Math.floor((gardenChat.length - 1 - index) / turnsOfVisit)
  const day = new Date(Date.now() - (2 + visitsLater * daysBetweenVisits) * dayMs)
  day.setUTCHours(17, 0, 0, 0)
  return new Date(day.getTime() + (index % turnsOfVisit) * 2 * minuteMs).toISOString()
}
