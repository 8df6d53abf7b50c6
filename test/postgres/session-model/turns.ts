import { expect, vi } from 'vitest'
import type { RecordedRequest } from '../../../scripts/dev/offline-model.ts'
import type { Message } from '../../../src/protocol.ts'
import { sessionIdOf } from '../../../src/turn/session-of-turn.ts'
import { expireLease } from '../../rigs/conversation.ts'
import type { DatabaseFault } from '../../rigs/database-proxy.ts'
import { turnCall } from '../../rigs/turn-call.ts'
import type { ModelFault } from './model-faults.ts'
import { differences, expectWindow, findOutcome, learn, readSession } from './observe.ts'
import { type How, readEvents, eventStream, sendTurn } from './send.ts'
import {
  type Asked,
  type Fate,
  predictTurn,
  runningTurn,
  type Session,
  standing,
  type Turn,
  type TurnRequest,
  withEnd,
} from './session.ts'
import type { Real, World } from './world.ts'

/** What a new message is made of. */
export interface Words {
  text: string
  filler: number
  says: string
  quotation: string | undefined
  fault: ModelFault | undefined
}

export async function newRequest(
  world: World,
  { userId }: Real,
  words: Words,
): Promise<TurnRequest> {
  const message_id = crypto.randomUUID()
  const { fault } = words
  const times = fault?.isLasting ? '' : ' times=1'
  const message = [
    ...(fault ? [`[[fault ${fault.name}${times} id=${message_id}]]`] : []),
    `[[reply ${JSON.stringify(words.says)}]]`,
    words.text,
    'word '.repeat(words.filler),
  ].join(' ')
  const sessionId = world.session?.id ?? (await sessionIdOf(userId, message_id))
  const body = {
    message,
    message_id,
    ...(world.session && { session_id: sessionId }),
    ...(words.quotation !== undefined && { context_text: words.quotation }),
    ...(words.filler % 2 === 1 && { metadata: { page: words.text } }),
  }
  // The Worker replaces what cannot be stored.
  const says = words.says.toWellFormed().replaceAll('\0', '\uFFFD')
  return { body, sessionId, says, fault }
}

const fates: Partial<Record<DatabaseFault, Fate>> = {
  'reset before': { ran: false, heard: false },
  'lost connection': { ran: false, heard: false },
  'server error': { ran: false, heard: false },
  html: { ran: false, heard: false },
  'reset after': { ran: true, heard: false },
  'lost connection after': { ran: true, heard: false },
  cut: { ran: true, heard: false },
}
export const databaseFaults = Object.keys(fates) as DatabaseFault[]

export interface TurnOptions {
  how: How
  /** The faults of the calls to the database, in their order. */
  database?: readonly (DatabaseFault | undefined)[]
  regenerate?: string | undefined
  continues?: string | undefined
  /** Replaces the message that this `message_id` came with before. */
  otherMessage?: string
  /** Sent twice at the same moment. */
  isTwice?: boolean
}

/** Takes a turn, which must end as predicted. @returns whether it reached the model */
export async function takeTurn(
  world: World,
  real: Real,
  request: TurnRequest,
  { how, database = [], regenerate, continues, otherMessage, isTwice }: TurnOptions,
): Promise<boolean> {
  const { rig, visitor } = real
  const { body, sessionId } = request
  const before = world.session
  const calledBefore = world.called.get(body.message_id) ?? 0
  const asked: Asked = {
    request,
    regenerate,
    continues,
    isOther: otherMessage !== undefined,
    isStream: how !== 'json',
    calledBefore,
    fates: database.map((fault) => (fault && fates[fault]) ?? { ran: true, heard: true }),
  }
  const outcomes = predictTurn(before, asked)
  const sent = {
    ...body,
    ...(otherMessage !== undefined && { message: otherMessage }),
    ...(regenerate !== undefined && { regenerate }),
    ...(continues !== undefined && { continue: continues }),
  }

  const requests = rig.model.requests.length
  const abandoned = ends(real, 'abandon')
  failInTurn(real, sessionId, database)
  const [heard, second] = await Promise.all([
    sendTurn(visitor, sent, how),
    isTwice ? sendTurn(visitor, sent, 'json') : undefined,
  ])
  failInTurn(real, sessionId, [])
  if (heard.answer === undefined && !runningTurn(before)) await untilEnded(real, sessionId)
  if (asked.fates.slice(0, 2).filter((fate) => !fate.heard).length === 2)
    await untilCalled(real, 'abandon', abandoned)

  const messages = await readSession(real, sessionId)
  const calls = rig.model.requests.slice(requests)
  const modelCalls = calls.length
  const seen = isTwice ? { answer: undefined } : heard
  const outcome = findOutcome(outcomes, { heard: seen, messages, modelCalls })
  if (isTwice) expectOnce([heard.answer, second?.answer], outcome.answer)
  if (heard.reply) expect(messages).toContainEqual(heard.reply)
  if (heard.history)
    expect(heard.history).toEqual(messages?.filter(({ status }) => status !== 'superseded'))
  world.session = outcome.session && learn(outcome.session, messages ?? [])
  world.called.set(body.message_id, calledBefore + modelCalls)
  if (world.session) expectWindow(world.session, body.message_id, calls)
  expectSecondCall(request, calls)
  return modelCalls > 0
}

/** The model is called a second time only if it said that the conversation is too long, and there was any history. */
function expectSecondCall({ fault }: TurnRequest, [first, second]: RecordedRequest[]) {
  const isTooLong = fault?.name === 'context-length'
  const messages = first?.messages ?? []
  const hasHistory =
    messages.length > 2 || messages.at(-1)?.content.startsWith('From earlier ') === true
  if (second !== undefined) expect([isTooLong, hasHistory]).toEqual([true, true])
  else if (fault?.isLasting && isTooLong) expect(hasHistory).toBe(false)
}

/** Of two requests sent at once, one is answered as if it were alone; the other gets a replay, or `turn_running`. */
function expectOnce(answers: unknown[], alone: unknown) {
  expect(answers).toContainEqual(alone)
  const replay = { ...(alone as object), replayed: true }
  for (const answer of answers)
    expect([alone, replay, { code: 'turn_running' }]).toContainEqual(answer)
}

/** Lets the calls of a turn fail, except those whose time is not the turn's: checkpoints, and what follows its answer. */
function failInTurn(
  { rig }: Real,
  sessionId: string,
  database: readonly (DatabaseFault | undefined)[],
) {
  const waiting = [...database]
  rig.database.fault = (call) =>
    ['checkpoint', 'abandon'].includes(turnCall(call) ?? '') || !call.body.includes(sessionId)
      ? undefined
      : waiting.shift()
}

async function untilEnded({ visitor }: Real, sessionId: string): Promise<void> {
  const path = `/v1/sessions/${sessionId}/messages?limit=1`
  await vi.waitUntil(
    async () => (await visitor.expect(200, 'GET', path)).data[0].status !== 'streaming',
    { timeout: 10_000, interval: 10 },
  )
}

/** Begins a turn with a long reply, and keeps its client connected. */
export async function holdTurn(world: World, real: Real, request: TurnRequest): Promise<void> {
  const { rig, visitor } = real
  const requests = rig.model.requests.length
  const response = await visitor.request('POST', '/v1/chat', request.body, eventStream)
  expect(response.status).toBe(200)
  const { leave } = await readEvents(response, 'delta', { thenLeave: false })
  real.held = { leave }
  const asked = { request, isStream: true, calledBefore: 0, fates: [] }
  const [outcome] = predictTurn(world.session, asked)
  const session = withEnd(outcome?.session as Session, request, 'streaming')
  await adopt(world, real, session)
  expectWindow(session, request.body.message_id, rig.model.requests.slice(requests))
}

export async function adopt(world: World, real: Real, session: Session): Promise<void> {
  const messages = (await readSession(real, session.id)) as Message[]
  expect(differences(session, messages)).toEqual([])
  world.session = learn(session, messages)
}

/** Lets the client of a held turn stop it: it asks for the stop, then closes its stream. */
export async function stopHeld(world: World, real: Real): Promise<void> {
  const turn = runningTurn(world.session) as Turn
  await real.held?.leave()
  real.held = undefined
  await untilEnded(real, turn.request.sessionId)
  await adopt(world, real, withEnd(world.session as Session, turn.request, 'interrupted'))
}

/** Expires the lease. @returns the status of the reply; `streaming` if its Worker renewed the lease meanwhile */
export async function expire(world: World, real: Real): Promise<Message['status']> {
  const turn = runningTurn(world.session) as Turn
  const { sessionId } = turn.request
  await expireLease(real.db, { sessionId })
  const messages = (await readSession(real, sessionId)) as Message[]
  const status = messages.find(({ seq }) => seq === standing(turn).seq)?.status ?? 'superseded'
  expect(['failed', 'interrupted', ...(real.held ? ['streaming'] : [])]).toContain(status)
  const session = structuredClone(world.session) as Session
  standing(runningTurn(session) as Turn).status = status
  expect(differences(session, messages)).toEqual([])
  world.session = learn(session, messages)
  return status
}

/** Waits until the Worker of a held turn, which has lost its lease, has tried to store it. */
export async function untilGivenUp(real: Real, finishesBefore: number): Promise<void> {
  await real.held?.leave()
  real.held = undefined
  await untilCalled(real, 'finish', finishesBefore)
}

/** The call has arrived; a call that is sent after it runs after it. */
async function untilCalled(real: Real, name: 'finish' | 'abandon', before: number) {
  await vi.waitUntil(() => ends(real, name) > before, { timeout: 10_000, interval: 10 })
  await real.visitor.expect(200, 'GET', '/v1/sessions')
}

export function finishes(real: Real): number {
  return ends(real, 'finish')
}

function ends({ rig }: Real, name: 'finish' | 'abandon'): number {
  return rig.database.calls.filter((call) => turnCall(call) === name).length
}

/** Ends what a sequence of commands left running. */
export async function endHeld(real: Real): Promise<void> {
  if (!real.held) return
  const before = finishes(real)
  const { data } = await real.visitor.expect(200, 'GET', '/v1/sessions')
  for (const { id } of data) await real.visitor.expect(200, 'POST', `/v1/sessions/${id}/stop`)
  await untilGivenUp(real, before)
}
