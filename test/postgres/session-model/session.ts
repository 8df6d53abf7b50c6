import type { MessageStatus } from '../../../src/protocol.ts'
import { type ModelFault, modelFaults } from './model-faults.ts'

/** A session as its user sees it. */
export interface Session {
  id: string
  turns: Turn[]
  nextSeq: number
}

export interface Turn {
  request: TurnRequest
  seq: number
  /** Oldest first. The last one that is not superseded counts, or a running one. */
  replies: [...Reply[], Reply]
}

export interface Reply {
  seq: number
  status: MessageStatus
  /** Undefined until it was read: the server chooses it. */
  id?: string
  /** As it was read after its end. */
  content?: string
  /** The text from before it was continued. */
  from?: string
}

export interface TurnRequest {
  body: TurnBody
  /** The session in the body, or the derived one. */
  sessionId: string
  /** The model's words if nothing goes wrong. */
  says: string
  fault: ModelFault | undefined
}

export interface TurnBody {
  message: string
  message_id: string
  session_id?: string
  context_text?: string
  metadata?: { [key: string]: string }
}

/** How a request is answered: by the reply as it is stored, or by the code of a problem. */
export type Answer = { status: 'complete' | 'interrupted'; replayed: boolean } | { code: string }

/** A possible outcome of a request. */
export interface Outcome {
  session: Session | undefined
  answer: Answer
  modelCalls: number
}

/** The fate of a call to the database: whether it runs, and whether the Worker receives the answer. */
export interface Fate {
  ran: boolean
  heard: boolean
}

export interface Asked {
  request: TurnRequest
  /** Whether the body differs from the one that this `message_id` came with before. */
  isOther?: boolean
  /** The id of a reply. */
  regenerate?: string | undefined
  /** The id of a reply. */
  continues?: string | undefined
  isStream: boolean
  /** Calls to the model for this message before. */
  calledBefore: number
  /** The fates of the calls to the database, in their order; later calls succeed. */
  fates: readonly Fate[]
}

/** The newest reply that is not superseded. */
export function standing(turn: Turn): Reply {
  return turn.replies.findLast(({ status }) => status !== 'superseded') as Reply
}

/** The reply that stands until a newer one has text. */
function older(turn: Turn): Reply | undefined {
  return turn.replies.find((reply) => reply.status !== 'superseded' && reply !== standing(turn))
}

/** A begin records how a reply ended whose Worker is dead. */
function settled(session: Session | undefined): Session | undefined {
  const copy = structuredClone(session)
  for (const turn of copy?.turns ?? [])
    if (standing(turn).status !== 'streaming') endReply(turn, standing(turn).status)
  return copy
}

export function runningTurn(session: Session | undefined): Turn | undefined {
  return session?.turns.find((turn) => standing(turn).status === 'streaming')
}

/** The turns that may be in the window of this one, oldest first. */
export function countableBefore(session: Session, messageId: string): Turn[] {
  const index = session.turns.findIndex(({ request }) => request.body.message_id === messageId)
  return session.turns
    .slice(0, index < 0 ? undefined : index)
    .filter((turn) => ['complete', 'interrupted'].includes(standing(turn).status))
}

type Verdict = 'new' | 'again' | 'instead' | 'continue' | 'replay' | Refusal
type Refusal = keyof typeof refusals
const refusals = {
  not_found: 'not_found',
  mismatch: 'message_mismatch',
  running: 'turn_running',
  busy: 'session_busy',
  not_last: 'not_last_turn',
} as const

function decide(
  session: Session | undefined,
  { request, isOther, regenerate, continues }: Asked,
): Verdict {
  const named = regenerate ?? continues
  if (session === undefined) return request.body.session_id === undefined ? 'new' : 'not_found'
  const turn = session.turns.find(
    (each) => each.request.body.message_id === request.body.message_id,
  )
  if (turn === undefined) {
    if (named !== undefined) return 'mismatch'
    return runningTurn(session) ? 'busy' : 'new'
  }
  if (isOther) return 'mismatch'
  const reply = standing(turn)
  if (reply.status === 'streaming') return 'running'
  if (named !== undefined && !turn.replies.some(({ id }) => id === named)) return 'mismatch'
  if (reply.status !== 'failed' && reply.id !== named) return 'replay'
  if (continues !== undefined && reply.status === 'complete') return 'replay'
  if (turn !== session.turns.at(-1)) return 'not_last'
  if (reply.status === 'failed') return 'again'
  return continues === undefined ? 'instead' : 'continue'
}

/** All possible outcomes of a turn: several only if the model's fault allows them. */
export function predictTurn(before: Session | undefined, asked: Asked): Outcome[] {
  const fates = [...asked.fates]
  const found = settled(before)
  const verdict = decide(found, asked)
  const begin = attempt(fates, 2)
  const begun = begin.ran ? afterBegin(found, asked.request, verdict) : before
  const only = (outcome: Outcome) => [outcome]
  if (!begin.heard) {
    // The Worker abandons what it may have begun.
    const isBegun = begin.ran && ['new', 'again', 'instead', 'continue'].includes(verdict)
    const status = verdict === 'continue' ? 'interrupted' : 'failed'
    const session = isBegun ? withEnd(begun as Session, asked.request, status) : begun
    return only({ session, answer: { code: 'database_unavailable' }, modelCalls: 0 })
  }
  switch (verdict) {
    case 'new':
    case 'again':
    case 'instead':
      return afterModel(begun as Session, asked, attempt(fates, 3))
    case 'continue':
      return afterContinuing(begun as Session, asked, attempt(fates, 3))
    case 'replay': {
      // Its history is read by a separate call.
      const isUnread = !asked.isStream && !attempt(fates, 1).heard
      const answer = isUnread ? { code: 'database_unavailable' } : replayOf(found, asked)
      return only({ session: begun, answer, modelCalls: 0 })
    }
    default:
      return only({ session: begun, answer: { code: refusals[verdict] }, modelCalls: 0 })
  }
}

function attempt(fates: Fate[], attempts: number): Fate {
  const fate = { ran: false, heard: false }
  for (let left = attempts; left > 0 && !fate.heard; left -= 1) {
    const next = fates.shift() ?? { ran: true, heard: true }
    fate.ran ||= next.ran
    fate.heard = next.heard
  }
  return fate
}

function replayOf(session: Session | undefined, { request }: Asked): Answer {
  const { message_id } = request.body
  const turn = session?.turns.find((each) => each.request.body.message_id === message_id)
  const status = turn && standing(turn).status
  return { status: status === 'interrupted' ? status : 'complete', replayed: true }
}

function afterBegin(
  before: Session | undefined,
  request: TurnRequest,
  verdict: Verdict,
): Session | undefined {
  const session = structuredClone(before ?? { id: request.sessionId, turns: [], nextSeq: 1 })
  const last = session.turns.at(-1)
  const opened = (seq: number): Reply => ({ seq, status: 'streaming' })
  if (verdict === 'new') {
    const seq = session.nextSeq
    session.turns.push({ request, seq, replies: [opened(seq + 1)] })
    session.nextSeq += 2
  } else if (verdict === 'again' && last) {
    const { seq, id } = standing(last)
    last.replies.splice(last.replies.indexOf(standing(last)), 1, {
      ...opened(seq),
      ...(id !== undefined && { id }),
    })
  } else if (verdict === 'continue' && last) {
    const reply = standing(last)
    reply.status = 'streaming'
    if (reply.content !== undefined) reply.from = reply.content
    delete reply.content
  } else if (verdict === 'instead' && last) {
    last.replies.push(opened(session.nextSeq))
    session.nextSeq += 1
  } else {
    return before
  }
  return session
}

function afterModel(begun: Session, { request, calledBefore }: Asked, finish: Fate): Outcome[] {
  const { fault } = request
  const isMet = fault !== undefined && (fault.isLasting || calledBefore === 0)
  const ends = isMet ? modelFaults[fault.name] : [{ status: 'complete' as const }]
  return ends.map((end): Outcome => {
    const modelCalls = 'calls' in end ? end.calls : 1
    const session = finish.ran ? withEnd(begun, request, end.status) : begun
    if (!finish.heard) return { session, answer: { code: 'not_saved' }, modelCalls }
    return 'code' in end && end.status === 'failed'
      ? { session, answer: { code: end.code }, modelCalls }
      : { session, answer: { status: end.status as 'complete', replayed: false }, modelCalls }
  })
}

/** The model goes on. In a text of few or equal words, its repetition may be taken for new text or new text for it. */
function afterContinuing(begun: Session, { request }: Asked, finish: Fate): Outcome[] {
  return (['complete', 'interrupted'] as const).map((status): Outcome => {
    const session = finish.ran ? withEnd(begun, request, status) : begun
    const answer = finish.heard ? { status, replayed: false } : { code: 'not_saved' }
    return { session, answer, modelCalls: 1 }
  })
}

/** The session once the reply to this request has ended so. */
export function withEnd(before: Session, request: TurnRequest, status: MessageStatus): Session {
  const session = structuredClone(before)
  const turn = session.turns.find(
    (each) => each.request.body.message_id === request.body.message_id,
  )
  if (turn) endReply(turn, status)
  return session
}

/** Only a reply with text takes the place of an older one. */
function endReply(turn: Turn, status: MessageStatus) {
  const stands = older(turn)
  const reply = standing(turn)
  reply.status = stands && status === 'failed' ? 'superseded' : status
  if (stands && ['complete', 'interrupted'].includes(status)) stands.status = 'superseded'
}
