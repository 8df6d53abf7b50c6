import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { MessageRow } from '../../src/db/schema.ts'
import type { ChatResponse, Message } from '../../src/protocol.ts'
import { sessionIdOf } from '../../src/turn/session-of-turn.ts'
import { type Client, newVisitor, parseEvents } from '../rigs/client.ts'
import { expireLease, takeTurn, testDatabase } from '../rigs/conversation.ts'
import {
  didNotRun,
  type FaultPlan,
  type FaultRun,
  type PlannedFault,
  ranUnheard,
  runFaults,
} from '../rigs/fault-plan.ts'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { withoutObjects } from '../rigs/start-workerd.ts'
import { expectSound } from '../rigs/stored-session.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const db = testDatabase()
const faults = [...ranUnheard, ...didNotRun]
const finishAttempts = 3
/** The default reserve for the reply in a debit. */
const reserveTokens = 1_024

interface Row {
  calls: string
  /** Milliseconds between two words of twelve. */
  pace: number
  plans: FaultPlan[]
}

const begin: Row[] = [
  { calls: 'begin', pace: 0, plans: faults.map((fault) => ({ begin: [fault] })) },
  {
    calls: 'begin and its repeat',
    pace: 0,
    plans: faults.flatMap((fault) => faults.map((repeat) => ({ begin: [fault, repeat] }))),
  },
]
const checkpoints: Row[] = [
  {
    calls: 'the first checkpoint',
    pace: 300,
    plans: faults.map((fault) => ({ checkpoint: [fault] })),
  },
  {
    calls: 'the second checkpoint',
    pace: 550,
    plans: faults.map((fault) => ({ checkpoint: [undefined, fault] })),
  },
]
const finish = (pace: number): Row[] => [
  { calls: 'finish', pace, plans: faults.map((fault) => ({ finish: [fault] })) },
  {
    calls: 'finish and a repeat',
    pace,
    plans: faults.map((fault) => ({ finish: [fault, fault] })),
  },
  {
    calls: 'finish and both repeats',
    pace,
    plans: faults.map((fault) => ({ finish: [fault, fault, fault] })),
  },
]
/** After the client has disconnected, which causes a checkpoint at once where the Worker writes the reply itself. */
const onceLeft: Row[] = [
  { calls: 'the checkpoint', pace: 60, plans: faults.map((fault) => ({ checkpoint: [fault] })) },
  ...finish(60),
]

interface Turn {
  session_id?: string
  message_id: string
  message: string
}

/** The client's first answer; `complete` if it received the complete reply. */
interface FirstAnswer {
  status?: number
  complete?: Message
}

type FirstAttempt = (visitor: Client, turn: Turn, run: FaultRun) => Promise<FirstAnswer>

async function askForJson(visitor: Client, turn: Turn): Promise<FirstAnswer> {
  const response = await visitor.request('POST', '/v1/chat', turn)
  const { reply } = (await response.json()) as Partial<ChatResponse>
  return { status: response.status, ...(reply?.status === 'complete' && { complete: reply }) }
}

async function askForStream(visitor: Client, turn: Turn): Promise<FirstAnswer> {
  const response = await visitor.request('POST', '/v1/chat', turn, { accept: 'text/event-stream' })
  const text = await response.text()
  if (response.status !== 200) return { status: response.status }
  const events = parseEvents(text)
  const last = events.at(-1)
  if (last?.event !== 'turn.completed') return { status: last?.data.status }
  const { reply } = last.data
  expect(events.map(({ data }) => data.text ?? '').join('')).toBe(reply.content)
  return { status: 200, complete: reply }
}

async function askAndLeave(visitor: Client, turn: Turn, run: FaultRun): Promise<FirstAnswer> {
  const client = beginAndLeave(alone.url, visitor, turn, { accept: 'text/event-stream' })
  await vi.waitFor(() => expect(client.text()).toContain('event: delta'), 10_000)
  client.leave('reset')
  await run.finished()
  return {}
}

let usual: Rig
/** Its Worker writes each reply itself. */
let alone: Rig
const running = new Map<string, FaultRun>()
beforeAll(async () => {
  const vars = { DATABASE_TIMEOUT_MS: '2000' }
  usual = await startRig(vars)
  alone = await startRig({ ...vars, ...withoutObjects })
  for (const { database } of [usual, alone])
    database.fault = (call) => {
      for (const [sessionId, run] of running)
        if (call.body.includes(sessionId)) return run.meet(call)
      return undefined
    }
})
afterAll(() => Promise.all([usual.close(), alone.close()]))

async function runCell(attempt: FirstAttempt, plan: FaultPlan, pace: number): Promise<void> {
  const rig = attempt === askAndLeave ? alone : usual
  const visitor = await newVisitor(rig.url)
  const userId = visitorIdOf(visitor.token ?? '')
  const message_id = crypto.randomUUID()
  // The text of each try differs, so that an overwritten one is seen.
  const other = `[[fault chunks n=12 times=1 id=${message_id}]]`
  const message = `[[fault pace ms=${pace}]] ${other} write 12 words`
  // A JSON turn continues a session, the others create one.
  const older = attempt === askForJson ? await takeTurn(db, { userId }) : undefined
  const sessionId = older?.start.sessionId ?? (await sessionIdOf(userId, message_id))
  const turn = { message, message_id, ...(older && { session_id: sessionId }) }
  const before = older ? 2 : 0
  const run = runFaults(plan)
  running.set(sessionId, run)
  const paidFor = () =>
    rig.model.requests.filter(({ messages }) => messages.at(-1)?.content === message).length

  const first = await attempt(visitor, turn, run)
  if (first.complete) expectStored(await expectSound(db, sessionId), first.complete)
  await run.release('after the answer')
  await run.abandoned()
  for (const [kind, planned] of Object.entries(plan))
    expect(run.calls[kind as keyof FaultPlan].length, `calls of ${kind}`).toBeGreaterThanOrEqual(
      planned.length,
    )

  const final = await retry(visitor, turn, sessionId)
  await run.release('after the retry')
  const rows = await expectSound(db, sessionId)
  expectStored(rows, final.reply)
  expect(rows.slice(before)).toMatchObject([
    { id: message_id, role: 'user', status: 'complete', content: message },
    { id: final.reply.id, role: 'assistant' },
  ])
  if (first.complete) expect(final).toMatchObject({ replayed: true, reply: first.complete })
  expect(await visitor.chat(turn)).toMatchObject({ replayed: true, reply: final.reply })

  expect({ status: first.status, final: final.reply.status, paidFor: paidFor() }).toEqual(
    expected(attempt, plan),
  )
  expect(await unsettledTurns(userId)).toBe(lostTurns(plan))
  running.delete(sessionId)
}

/** How many of the user's turns still count with all that they may have cost. */
async function unsettledTurns(userId: string): Promise<number> {
  const [row] = await db.kysely
    .selectFrom('spending')
    .selectAll()
    .where('payer', '=', userId)
    .execute()
  const debits = Number(row?.tokens) - Number(row?.prompt_tokens) - Number(row?.completion_tokens)
  return Math.floor(debits / reserveTokens)
}

/** How many turns never told the database how they ended. A begin without an answer is abandoned. */
function lostTurns({ finish: finishes = [] }: FaultPlan): number {
  const neverRan = (fault: PlannedFault | undefined) =>
    fault !== undefined && fault !== 'after the retry' && didNotRun.includes(fault)
  return finishes.length === finishAttempts && finishes.every(neverRan) ? 1 : 0
}

/** Completion is reported after the commit: the stored reply is the reported one. */
function expectStored(rows: MessageRow[], { id, content, status }: Message): void {
  expect(rows.at(-1)).toMatchObject({ id, content, status })
}

/** Retries until there is a final answer; a lease that a Worker left behind is expired at once. */
async function retry(visitor: Client, turn: Turn, sessionId: string): Promise<ChatResponse> {
  for (let left = 3; left > 0; left -= 1) {
    const response = await visitor.request('POST', '/v1/chat', turn)
    const body = (await response.json()) as ChatResponse
    if (response.status === 200) return body
    expect([response.status, body]).toMatchObject([409, { code: 'turn_running' }])
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    await expireLease(db, { sessionId })
  }
  throw new Error('no final answer')
}

function expected(attempt: FirstAttempt, plan: FaultPlan) {
  const isRefused = plan.begin?.length === 2
  const isUnsaved = plan.finish?.length === finishAttempts
  const isLost = isUnsaved && plan.finish?.every((fault) => fault && didNotRun.includes(fault))
  const hasLeft = attempt === askAndLeave
  return {
    status: hasLeft ? undefined : isRefused || isUnsaved ? 503 : 200,
    // The checkpoint at the disconnect saved a text; it was paid for, and is not paid for again.
    final: isLost && hasLeft ? 'interrupted' : 'complete',
    paidFor: isLost && !hasLeft ? 2 : 1,
  }
}

/** How many cells run at once: most of its time, each waits for a deadline of the Worker or for the model. */
const atOnce = 12

async function failuresOf(attempt: FirstAttempt, { plans, pace }: Row): Promise<string[]> {
  const failures: string[] = []
  const queue = plans.values()
  async function runCells() {
    for (const plan of queue)
      await runCell(attempt, plan, pace).catch((error: unknown) => {
        failures.push(`${JSON.stringify(plan)}: ${String(error)}`)
      })
  }
  await Promise.all(Array.from({ length: atOnce }, runCells))
  return failures
}

describe.concurrent('one message, one reply, and no storable reply is paid for twice', () => {
  const timeout = 60_000
  test.each([...checkpoints, ...finish(0), ...begin])(
    'a JSON turn, whatever fault meets $calls',
    { timeout },
    async (row) => expect(await failuresOf(askForJson, row)).toEqual([]),
  )
  test.each([...checkpoints, ...finish(0), ...begin])(
    'a stream, whatever fault meets $calls',
    { timeout },
    async (row) => expect(await failuresOf(askForStream, row)).toEqual([]),
  )
  test.each(onceLeft)(
    'a turn whose client has disconnected, whatever fault meets $calls',
    { timeout },
    async (row) => expect(await failuresOf(askAndLeave, row)).toEqual([]),
  )
})
