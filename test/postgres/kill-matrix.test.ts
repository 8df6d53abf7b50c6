import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { sessionIdOf } from '../../src/turn/session-of-turn.ts'
import { createClient, newVisitor } from '../rigs/client.ts'
import { expireLease, testDatabase } from '../rigs/conversation.ts'
import {
  type DeadTurn,
  expectJoined,
  expectLeased,
  expectTrue,
  joinReply,
  type Kept,
  messagesOf,
} from '../rigs/dead-turn.ts'
import {
  atCall,
  atEvent,
  atPiece,
  atPieceAfterCheckpoint,
  atRepeatedFinish,
  callsOf,
  type Death,
  doomedMessage,
  isRunning,
  leftAt,
  until,
  words,
} from '../rigs/doomed-turn.ts'
import { evictableObjects } from '../rigs/faulty-objects.ts'
import { type GatedWorker, startGatedWorker } from '../rigs/gated-worker.ts'
import { beginAndLeave, type LeavingClient } from '../rigs/leaving-client.ts'
import { withoutObjects } from '../rigs/start-workerd.ts'
import { expectSound, storedMessages } from '../rigs/stored-session.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

/** `fault`: what the first call to the model meets. */
type Cell = [when: string, kept: Kept, fault: string, death: Death]

const later = { isLost: false } as const
const second = { nth: 2 } as const

const jsonCells: Cell[] = [
  ['begin is on its way', 'nothing', '', atCall('begin', 'asked')],
  ['begin is committed', 'failed', '', atCall('begin', 'committed')],
  ['the model sent piece 12', 'failed', 'stall after=12', atPiece(12)],
  ['a checkpoint is committed', 'interrupted', 'stall after=6', atCall('checkpoint', 'committed')],
  ['finish is on its way', 'failed', '', atCall('finish', 'asked')],
  ['finish is committed', 'complete', '', atCall('finish', 'committed')],
]

const cells: Cell[] = [
  ...jsonCells,
  ['begin arrives late', 'failed', '', atCall('begin', 'asked', later)],
  ['begin is answered', 'failed', 'slow-first ms=500', atCall('begin', 'answered')],
  ['the model was asked', 'failed', 'silent', atPiece(0)],
  ['the model sent piece 1', 'failed', 'stall after=1', atPiece(1)],
  ['the model sent piece 2', 'failed', 'stall after=2', atPiece(2)],
  ['the model sent its last piece', 'failed', 'stall after=40', atPiece(40)],
  ['the model is sending, early', 'failed', 'pace ms=5', atPiece(1)],
  ['the model is sending, later', 'failed', 'pace ms=5', atPiece(20)],
  ['the client read turn.started', 'failed', 'slow-first ms=500', atEvent('turn.started', 0)],
  ['the client read a word', 'failed', 'stall after=1', atEvent('delta', 1)],
  ['the client read 7 words', 'failed', 'stall after=7', atEvent('delta', 7)],
  ['the client read all words', 'failed', 'stall after=40', atEvent('delta', 40)],
  ['a checkpoint is on its way', 'failed', 'stall after=6', atCall('checkpoint', 'asked')],
  ['one arrives late', 'interrupted', 'stall after=6', atCall('checkpoint', 'asked', later)],
  ['one is answered', 'interrupted', 'pace ms=100', atCall('checkpoint', 'answered')],
  ['one without text is answered', 'failed', 'silent', atCall('checkpoint', 'answered')],
  ['three pieces follow one', 'interrupted', 'pace ms=100', atPieceAfterCheckpoint(3)],
  ['a second one is sent', 'interrupted', 'pace ms=180', atCall('checkpoint', 'asked', second)],
  ['it is stored', 'interrupted', 'pace ms=180', atCall('checkpoint', 'committed', second)],
  ['finish follows a checkpoint', 'interrupted', 'pace ms=80', atCall('finish', 'asked')],
  ['finish arrives late', 'complete', '', atCall('finish', 'asked', later)],
  ['finish is answered', 'complete', '', atCall('finish', 'answered')],
  ['finish was lost and is repeated', 'failed', '', atRepeatedFinish('asked')],
  ["finish's answer was lost", 'complete', '', atRepeatedFinish('committed')],
  ['the client read turn.completed', 'complete', '', atEvent('turn.completed', 40)],
]

/** For a Worker that writes the reply itself: only there does a disconnect cause a checkpoint. */
const aloneCells: Cell[] = [
  ...jsonCells,
  ['a checkpoint is sent for a client that left', 'failed', 'stall after=4', leftAt(4, 'asked')],
  ['it is stored for one that left', 'interrupted', 'stall after=4', leftAt(4, 'committed')],
]

/** For a Worker that lives on when the object of the reply is evicted: the turn has begun. */
const evictedCells: Cell[] = [
  ['the model was asked', 'failed', 'silent', atPiece(0)],
  ['the model sent piece 1', 'failed', 'stall after=1', atPiece(1)],
  ['the model is sending', 'failed', 'pace ms=5', atPiece(12)],
  ['the client read 7 words', 'failed', 'stall after=7', atEvent('delta', 7)],
  ['a checkpoint is on its way', 'failed', 'stall after=6', atCall('checkpoint', 'asked')],
  ['one arrives late', 'interrupted', 'stall after=6', atCall('checkpoint', 'asked', later)],
  ['one is committed', 'interrupted', 'stall after=6', atCall('checkpoint', 'committed')],
  ['one is answered', 'interrupted', 'pace ms=100', atCall('checkpoint', 'answered')],
  ['three pieces follow one', 'interrupted', 'pace ms=100', atPieceAfterCheckpoint(3)],
  ['a second one is sent', 'interrupted', 'pace ms=180', atCall('checkpoint', 'asked', second)],
  ['finish is on its way', 'failed', '', atCall('finish', 'asked')],
  ['finish is committed', 'complete', '', atCall('finish', 'committed')],
]

const db = testDatabase()
const said = words.join(' ')
/** Longer than a cell takes on a slow machine: here only SQL expires a lease. */
const lease = { TURN_LEASE_MS: '60000' }
const accept = { accept: 'text/event-stream' }

let model: OfflineModel
let rescuer: GatedWorker
beforeAll(async () => {
  model = await startOfflineModel()
  rescuer = await startGatedWorker(model.baseUrl, lease)
})
afterAll(async () => {
  await rescuer.close()
  await model.close()
})

type Run = Pick<DeadTurn, 'visitor' | 'body'> & {
  headers?: Record<string, string>
  vars?: Record<string, string>
}

/** Runs a turn until its Worker is killed. @returns what its client has read, and what a checkpoint has stored */
async function runAndDie(
  { visitor, body, headers = accept, vars = {} }: Run,
  death: Death,
  { onTestFinished }: TestContext,
): Promise<{ client: LeavingClient; saved: string }> {
  const worker = await startGatedWorker(model.baseUrl, { ...lease, ...vars })
  onTestFinished(() => worker.close())
  const client = beginAndLeave(worker.url, visitor, body, headers)
  await death({ message: body.message, worker, model, client })
  await worker.gate.idle()
  await until(() => !callsOf({ ...body, model }).some(isRunning))
  return { client, saved: worker.gate.saved }
}

/** Evicts the object that writes the session's newest reply. */
async function evict(worker: GatedWorker, sessionId: string): Promise<void> {
  const [reply] = (await storedMessages(db, sessionId)).slice(-1)
  const answer = await worker.askObject(reply?.id ?? '', JSON.stringify({ kind: 'evict' }))
  expect(answer.status).toBe(500)
}

/**
 * Runs a turn until its object is evicted.
 * @param sessionId of the turn
 * @returns the visitor at the same Worker, which lives on
 */
async function runAndEvict(
  { visitor, body, headers = accept, sessionId }: Run & { sessionId: string },
  death: Death,
  { onTestFinished }: TestContext,
) {
  const options = { objects: evictableObjects, probe: true }
  const worker = await startGatedWorker(model.baseUrl, lease, options)
  onTestFinished(() => worker.close())
  const client = beginAndLeave(worker.url, visitor, body, headers)
  const doomed = { ...worker, kill: () => evict(worker, sessionId) }
  await death({ message: body.message, worker: doomed, model, client })
  worker.gate.at = async () => {}
  await worker.gate.idle()
  await until(() => !callsOf({ ...body, model }).some(isRunning))
  return { client, saved: worker.gate.saved, visitor: createClient(worker.url, visitor.token) }
}

function newBody(fault: string) {
  return { message: doomedMessage(fault), message_id: crypto.randomUUID() }
}

/** Expects that another Worker shows the turn as it was kept, during the lease and after it. */
async function expectKept(turn: DeadTurn, kept: Kept): Promise<void> {
  const content = kept === 'complete' ? said : turn.saved
  expect(said.startsWith(content)).toBe(true)
  if (kept === 'nothing') {
    expect(await messagesOf(turn)).toEqual([])
  } else if (kept !== 'complete') {
    await expectLeased(turn)
    const joining = joinReply(turn, (await messagesOf(turn))[1]?.id ?? '')
    await expireLease(db, turn)
    const [, reply] = await messagesOf(turn)
    expect(reply).toMatchObject({ status: kept, content })
    if (reply) expectJoined(await joining, reply)
  } else {
    expect((await messagesOf(turn))[1]).toMatchObject({ status: kept, content })
  }
}

/** Expects that a retry runs a turn that was not kept, in one call to the model, and replays one that was. */
async function expectRetried(turn: DeadTurn, kept: Kept): Promise<void> {
  const { visitor, body } = turn
  const calls = () => callsOf({ ...body, model }).length
  const callsBefore = calls()
  const runs = kept === 'nothing' || kept === 'failed'
  const { reply, replayed } = await visitor.chat(body)
  expect(replayed).toBe(runs ? undefined : true)
  expect(reply).toMatchObject(
    kept === 'interrupted'
      ? { status: kept, content: turn.saved }
      : { status: 'complete', content: said },
  )
  expect((await visitor.chat(body)).reply).toEqual(reply)
  expect(calls()).toBe(callsBefore + (runs ? 1 : 0))
  expectJoined(await joinReply(turn, reply.id), reply)
  expect(await messagesOf(turn)).toMatchObject([{ id: body.message_id }, reply])
}

/** Expects that the next turn has this one in its window, and that the session is sound. */
async function expectContinued({ visitor, body, sessionId, before }: DeadTurn): Promise<void> {
  const message = `Next ${crypto.randomUUID()}`
  const { history } = await visitor.chat({ session_id: sessionId, message })
  expect(history).toHaveLength(before + 4)
  expect(callsOf({ message, model })[0]?.messages.slice(-3, -1)).toEqual([
    { role: 'user', content: body.message },
    { role: 'assistant', content: history[before + 1]?.content },
  ])
  const rows = await expectSound(db, sessionId)
  expect(rows.map(({ status }) => status)).not.toContain('streaming')
}

async function expectRescued(turn: DeadTurn, kept: Kept): Promise<void> {
  await expectKept(turn, kept)
  await expectRetried(turn, kept)
  await expectContinued(turn)
}

describe.concurrent('a Worker that is killed in a streamed turn', () => {
  test.for(cells)('%s: %s is kept', async ([, kept, fault, death], context) => {
    const visitor = await newVisitor(rescuer.url)
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const body = { ...newBody(fault), session_id }
    const { client, saved } = await runAndDie({ visitor, body }, death, context)
    const turn = { visitor, body, sessionId: session_id, before: 2, saved }
    expectTrue(client, kept)
    await expectRescued(turn, kept)
  })
})

describe.concurrent("a Worker that is killed in a visitor's first turn, answered as JSON", () => {
  test.for(jsonCells)('%s: %s is kept', async ([, kept, fault, death], context) => {
    const visitor = await newVisitor(rescuer.url)
    const body = newBody(fault)
    const sessionId = await sessionIdOf(visitorIdOf(visitor.token ?? ''), body.message_id)
    const { saved } = await runAndDie({ visitor, body, headers: {} }, death, context)
    const turn = { visitor, body, sessionId, before: 0, saved }
    await expectRescued(turn, kept)
  })
})

describe.concurrent('a Worker that is killed while it writes the reply itself', () => {
  test.for(aloneCells)('%s: %s is kept', async ([, kept, fault, death], context) => {
    const visitor = await newVisitor(rescuer.url)
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const body = { ...newBody(fault), session_id }
    const run = { visitor, body, vars: withoutObjects }
    const { client, saved } = await runAndDie(run, death, context)
    const turn = { visitor, body, sessionId: session_id, before: 2, saved }
    expectTrue(client, kept)
    await expectRescued(turn, kept)
  })
})

describe.concurrent('an object that is evicted', () => {
  test.for(evictedCells)('%s: %s is kept', async ([, kept, fault, death], context) => {
    const newcomer = await newVisitor(rescuer.url)
    const { session_id: sessionId } = await newcomer.chat({ message: 'Hello' })
    const body = { ...newBody(fault), session_id: sessionId }
    const run = { visitor: newcomer, body, sessionId }
    const { client, ...rest } = await runAndEvict(run, death, context)
    expectTrue(client, kept)
    await expectRescued({ ...rest, body, sessionId, before: 2 }, kept)
  })

  test('under a JSON turn: its Worker answers with the text that was kept, once the lease has ended', async (context) => {
    const newcomer = await newVisitor(rescuer.url)
    const { session_id: sessionId } = await newcomer.chat({ message: 'Hello' })
    const body = { ...newBody('pace ms=100'), session_id: sessionId }
    const run = { visitor: newcomer, body, headers: {}, sessionId }
    const { client, saved, visitor } = await runAndEvict(run, atPieceAfterCheckpoint(2), context)
    expect(saved).not.toBe('')
    expect(client.text()).toBe('')
    await expireLease(db, { sessionId })
    await until(() => client.text() !== '')
    const { reply, history } = JSON.parse(client.text())
    expect(reply).toMatchObject({ status: 'interrupted', content: saved })
    expect(history).toHaveLength(4)
    const turn = { visitor, body, sessionId, before: 2, saved }
    await expectRetried(turn, 'interrupted')
    await expectContinued(turn)
  })
})

describe.concurrent('a reply that was cut off, with text,', () => {
  test.for([
    ['its Worker was killed', false],
    ['its object was evicted', true],
  ] as const)(
    'because %s: is continued in its place, and the rest is paid for once',
    async ([, isEvicted], context) => {
      const newcomer = await newVisitor(rescuer.url)
      const { session_id: sessionId } = await newcomer.chat({ message: 'Hello' })
      const body = { ...newBody('pace ms=100'), session_id: sessionId }
      const run = { visitor: newcomer, body, sessionId }
      const death = atPieceAfterCheckpoint(3)
      const { saved, visitor } = isEvicted
        ? await runAndEvict(run, death, context)
        : { ...(await runAndDie(run, death, context)), visitor: newcomer }
      await expireLease(db, { sessionId })
      const turn = { visitor, body, sessionId, before: 2, saved }
      const [, cut] = await messagesOf(turn)
      expect(cut).toMatchObject({ status: 'interrupted', content: saved })
      const calls = () =>
        model.requests.filter(({ messages }) =>
          messages.some(({ content }) => content === body.message),
        )
      const { reply, replayed } = await visitor.chat({ ...body, continue: cut?.id })
      expect(replayed).toBeUndefined()
      expect(reply).toMatchObject({ id: cut?.id, status: 'complete', content: said })
      expect(await visitor.chat({ ...body, continue: cut?.id })).toMatchObject({
        replayed: true,
        reply,
      })
      expect(calls()).toHaveLength(2)
      await expectContinued(turn)
    },
  )
})

describe.concurrent('a turn whose Worker was killed', () => {
  test('may be retried until a Worker lives, with no second message', async (context) => {
    const visitor = await newVisitor(rescuer.url)
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const body = { ...newBody('stall after=3'), session_id }
    const turn = { visitor, body, sessionId: session_id, before: 2, saved: '' }
    for (const death of [atCall('begin', 'committed'), atPiece(3), atCall('finish', 'asked')]) {
      await runAndDie({ visitor, body }, death, context)
      await expectKept(turn, 'failed')
    }
    await expectRetried(turn, 'failed')
    await expectContinued(turn)
  })

  test.for<[Kept, number]>([
    ['interrupted', 200],
    ['failed', 409],
  ])('and was %s is settled by the next turn: a retry is a %i', async ([kept, status], context) => {
    const visitor = await newVisitor(rescuer.url)
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const body = { ...newBody('stall after=4'), session_id }
    const death = leftAt(4, kept === 'failed' ? 'asked' : 'committed')
    const { saved } = await runAndDie({ visitor, body }, death, context)
    await expireLease(db, { sessionId: session_id })
    const next = await visitor.chat({ session_id, message: 'Next' })
    expect(next.history[3]).toMatchObject({ status: kept, content: saved })
    const retried = await visitor.expect(status, 'POST', '/v1/chat', body)
    if (status === 200) expect(retried).toMatchObject({ replayed: true, reply: next.history[3] })
    else expect(retried.code).toBe('not_last_turn')
    expect(callsOf({ ...body, model })).toHaveLength(1)
    expect(await expectSound(db, session_id)).toHaveLength(6)
  })

  test.for<[string, boolean, Death]>([
    ['begin is committed', false, atCall('begin', 'committed')],
    ['finish is on its way', false, atCall('finish', 'asked')],
    ['finish is committed', true, atCall('finish', 'committed')],
  ])('in another reply, when %s, keeps the one before', async ([, isStored, death], context) => {
    const visitor = await newVisitor(rescuer.url)
    const asked = newBody('')
    const { session_id, reply } = await visitor.chat(asked)
    const body = { ...asked, session_id, regenerate: reply.id }
    const { saved } = await runAndDie({ visitor, body }, death, context)
    const turn = { visitor, body, sessionId: session_id, before: 0, saved }
    await expireLease(db, turn)
    const shown = (await messagesOf(turn)).map(({ id, status }) => [id === reply.id, status])
    expect(shown.slice(1)).toEqual(
      isStored
        ? [[false, 'complete']]
        : [
            [true, 'complete'],
            [false, 'failed'],
          ],
    )
    const again = await visitor.chat(body)
    expect(again.reply).toMatchObject({ status: 'complete', content: said })
    expect(again.reply.id).not.toBe(reply.id)
    expect(again.replayed).toBe(isStored ? true : undefined)
    await expectContinued(turn)
    const rows = await expectSound(db, session_id)
    expect(rows.filter(({ status }) => status === 'superseded')).toMatchObject([
      { id: reply.id, content: said },
      ...(isStored ? [] : [{ content: '', error_code: 'interrupted' }]),
    ])
  })
})
