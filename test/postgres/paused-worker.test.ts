import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { type Client, newVisitor } from '../rigs/client.ts'
import { expireLease, testDatabase } from '../rigs/conversation.ts'
import type { GatedCall, Moment } from '../rigs/database-gate.ts'
import { callsOf, doomedMessage, eventsOf, until, words } from '../rigs/doomed-turn.ts'
import { type GatedWorker, startGatedWorker } from '../rigs/gated-worker.ts'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import { expectSound, storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()
const said = words.join(' ')
/** Longer than a test takes on a slow machine: here only SQL expires a lease. */
const vars = { TURN_LEASE_MS: '60000', DATABASE_TIMEOUT_MS: '30000' }

let model: OfflineModel
let awake: GatedWorker
beforeAll(async () => {
  model = await startOfflineModel()
  awake = await startGatedWorker(model.baseUrl, vars)
})
afterAll(async () => {
  await awake.close()
  await model.close()
})

interface Turn {
  visitor: Client
  body: { session_id: string; message: string; message_id: string }
}

/** Pauses a Worker (SIGSTOP). @returns a function that wakes it */
type Sleep = (worker: GatedWorker, turn: Turn) => Promise<() => void>

/** At a moment of a call to the database, which continues only when its Worker does. */
function atCall(kind: GatedCall['kind'], moment: Moment): Sleep {
  return async (worker) => {
    const asleep = Promise.withResolvers<void>()
    const woken = Promise.withResolvers<void>()
    worker.gate.at = async (call, now) => {
      if (call.kind !== kind || call.nth > 1 || now !== moment) return
      worker.signal('SIGSTOP')
      asleep.resolve()
      await woken.promise
    }
    await asleep.promise
    return () => {
      woken.resolve()
      worker.signal('SIGCONT')
    }
  }
}

/** In the middle of the reply, while the model sends the rest. */
const atPiece: Sleep = async (worker, { body }) => {
  const call = () => callsOf({ ...body, model })[0]
  await until(() => (call()?.deltasSent ?? 0) > 5)
  worker.signal('SIGSTOP')
  await until(() => call()?.deltasSent === words.length)
  return () => worker.signal('SIGCONT')
}

const moments: [when: string, fault: string, sleep: Sleep][] = [
  ['before it hears that its turn has begun', '', atCall('begin', 'committed')],
  ['while the model sends', 'pace ms=10', atPiece],
  ['when it saves a checkpoint', 'pace ms=80', atCall('checkpoint', 'asked')],
  ['when it stores the reply', '', atCall('finish', 'asked')],
]

const takeovers: [what: string, code: string, takeOver: (turn: Turn) => Promise<unknown>][] = [
  ['a retry was answered', 'not_saved', ({ visitor, body }) => visitor.chat(body)],
  [
    'the next turn was answered',
    'not_saved',
    ({ visitor, body: { session_id } }) => visitor.chat({ session_id, message: 'Next' }),
  ],
  [
    'the session was erased',
    'session_deleted',
    ({ visitor, body: { session_id } }) =>
      visitor.expect(204, 'DELETE', `/v1/sessions/${session_id}`),
  ],
]

/** The first call to the model reports no usage, so the paused Worker would store something else than a retry. */
function messageOf(fault: string): string {
  return `[[fault no-usage times=1 id=${crypto.randomUUID()}]] ${doomedMessage(fault)}`
}

/** Begins a turn and pauses its Worker; resolves after the lease has expired. */
async function sleepPastLease(
  message: string,
  sleep: Sleep,
  { onTestFinished }: TestContext,
  more: Record<string, string> = {},
) {
  const worker = await startGatedWorker(model.baseUrl, { ...vars, ...more })
  onTestFinished(() => worker.close())
  const visitor = await newVisitor(awake.url)
  const { session_id } = await visitor.chat({ message: 'Hello' })
  const message_id = crypto.randomUUID()
  const turn = { visitor, body: { session_id, message, message_id } }
  const client = beginAndLeave(worker.url, visitor, turn.body, { accept: 'text/event-stream' })
  const wake = await sleep(worker, turn)
  await expireLease(db, { sessionId: session_id })
  return {
    ...turn,
    sessionId: session_id,
    /** @returns the last event that the client of the woken Worker has read */
    async wake() {
      wake()
      const last = () => eventsOf(client).at(-1)
      await until(() => ['turn.completed', 'turn.failed'].includes(last()?.event ?? ''))
      await worker.gate.idle()
      return last()
    },
  }
}

describe.concurrent.each(moments)('a Worker that sleeps past its lease %s', (_, fault, sleep) => {
  test.for(takeovers)(
    'changes nothing after %s, and reports %s',
    async ([, code, takeOver], context) => {
      const turn = await sleepPastLease(messageOf(fault), sleep, context)
      await takeOver(turn)
      const stored = await storedMessages(db, turn.sessionId)
      expect(await turn.wake()).toMatchObject({ event: 'turn.failed', data: { code } })
      expect(await storedMessages(db, turn.sessionId)).toEqual(stored)
      if (code === 'not_saved') await expectSound(db, turn.sessionId)
      else expect(stored).toEqual([])
    },
  )

  test('stores the whole reply if nobody took its turn over', async (context) => {
    const turn = await sleepPastLease(messageOf(fault), sleep, context)
    const path = `/v1/sessions/${turn.sessionId}/messages`
    const seen = await turn.visitor.expect(200, 'GET', path)
    expect(seen.data[3].status).toMatch(/^(failed|interrupted)$/)
    const last = await turn.wake()
    expect(last).toMatchObject({
      event: 'turn.completed',
      data: { reply: { seq: 4, status: 'complete', content: said } },
    })
    const { reply, replayed } = await turn.visitor.chat(turn.body)
    expect([replayed, reply]).toEqual([true, last?.data.reply])
    expect(callsOf({ ...turn.body, model })).toHaveLength(1)
    await expectSound(db, turn.sessionId)
  })
})

describe.concurrent('a Worker that sleeps past its lease', () => {
  test('changes nothing while another Worker that took its turn over still runs it', async (context) => {
    const idle = { MODEL_IDLE_TIMEOUT_MS: '2000' }
    const stalled: Sleep = async (worker, { body }) => {
      await until(() => callsOf({ ...body, model })[0]?.deltasSent === 6)
      worker.signal('SIGSTOP')
      return () => worker.signal('SIGCONT')
    }
    const message = `[[fault pace ms=120]] ${doomedMessage('stall after=6')}`
    const turn = await sleepPastLease(message, stalled, context, idle)
    const retried = turn.visitor.chat(turn.body)
    await until(() => callsOf({ ...turn.body, model }).length === 2)
    const [, , , running] = await storedMessages(db, turn.sessionId)
    expect(await turn.wake()).toMatchObject({ event: 'turn.failed', data: { code: 'not_saved' } })
    const { id = '', lease = '' } = running ?? {}
    expect((await storedMessages(db, turn.sessionId))[3]).toMatchObject({
      id,
      lease,
      status: 'streaming',
    })
    expect((await retried).reply).toMatchObject({ status: 'complete', content: said })
    await expectSound(db, turn.sessionId)
  })

  test('before it could begin returns the reply of the turn that ran meanwhile', async (context) => {
    const turn = await sleepPastLease(doomedMessage(''), atCall('begin', 'asked'), context)
    const { reply } = await turn.visitor.chat(turn.body)
    const stored = await storedMessages(db, turn.sessionId)
    expect(await turn.wake()).toMatchObject({ event: 'turn.completed', data: { reply } })
    expect(await storedMessages(db, turn.sessionId)).toEqual(stored)
    expect(callsOf({ ...turn.body, model })).toHaveLength(1)
  })
})
