import { attempt } from '../db/attempt.ts'
import type { Database } from '../db/database.ts'
import { abandonTurn } from '../db/turns/abandon-turn.ts'
import { beginTurn } from '../db/turns/begin-turn.ts'
import { describeFault, Problem } from '../errors.ts'
import { refusal } from './refusal.ts'
import type { Begun, TurnStart } from './turn.ts'

export interface BeginOptions {
  /** Called as soon as only the database can still refuse the turn. */
  prepare?: (() => void) | undefined
  /** Keeps work alive that goes on after the response. */
  waitUntil: (work: Promise<void>) => void
  /**
   * Ends the session's running reply if nobody watches it. Resolves to whether it has ended; never rejects. Absent: no
   * reply is ended.
   */
  endUnwatched?: ((replyId: string) => Promise<boolean>) | undefined
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
 * Begins a turn; if the session is busy with a reply that nobody watches, after that reply has ended.
 * @throws Problem if the turn is refused, or the database cannot be reached
 */
export async function begin(
  db: Database,
  start: TurnStart,
  { prepare, waitUntil, endUnwatched }: BeginOptions,
): Promise<Extract<Begun, { verdict: 'run' | 'replay' }>> {
  prepare?.()
  const begun = await beginOnce(db, start, waitUntil)
  if (begun.verdict === 'run' || begun.verdict === 'replay') return begun
  const mayEnd = begun.verdict === 'busy' && begun.replyId !== null && endUnwatched !== undefined
  if (!mayEnd || !(await endUnwatched(begun.replyId!))) throw refusal(begun)
  const next = await beginOnce(db, start, waitUntil)
  if (next.verdict === 'run' || next.verdict === 'replay') return next
  throw refusal(next)
}

/** A begin whose answer was lost may hold the lease. Repeated under the same lease, it finds what it did. */
async function beginOnce(
  db: Database,
  start: TurnStart,
  waitUntil: BeginOptions['waitUntil'],
): Promise<Begun> {
  const abandonLater = () => waitUntil(abandonBegin(db, start))
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
  return begun
}

/** Without it, a begin that was committed unseen would lock the session for its lease and keep its debit for the day. */
async function abandonBegin(db: Database, start: TurnStart): Promise<void> {
  const errorCode = 'database_unavailable'
  try {
    await attempt((timeoutMs) => abandonTurn(db, start, { errorCode, timeoutMs }), abandon)
  } catch (error) {
    const fault = describeFault(error)
    console.log(JSON.stringify({ session_id: start.sessionId, code: 'abandon_failed', fault }))
  }
}
