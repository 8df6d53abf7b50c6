import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import type { MessageRow } from '../../src/db/schema.ts'
import { type Client, newVisitor, type ServerEvent } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import type { GatedCall } from '../rigs/database-gate.ts'
import { callsOf, doomedMessage, eventsOf, textOf, until, words } from '../rigs/doomed-turn.ts'
import { type GatedWorker, startGatedWorker } from '../rigs/gated-worker.ts'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import { startMeetings } from '../rigs/meeting.ts'
import { expectSound, storedMessages } from '../rigs/stored-session.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const db = testDatabase()
const said = words.join(' ')
const accept = { accept: 'text/event-stream' }

let model: OfflineModel
let worker: GatedWorker
let meetings: ReturnType<typeof startMeetings>
beforeAll(async () => {
  model = await startOfflineModel()
  // Longer than sixty sessions at once take on a slow machine.
  worker = await startGatedWorker(model.baseUrl, {
    DATABASE_TIMEOUT_MS: '30000',
    TURN_LEASE_MS: '60000',
  })
  meetings = startMeetings([worker.gate])
})
afterAll(async () => {
  await worker.close()
  await model.close()
})

/** The calls that meet the finish of the running reply, at the same instant. `begin`: a new message. */
const finishRivals: GatedCall['kind'][][] = [
  ['stop', 'begin'],
  ['erase', 'begin'],
  ['stop', 'erase'],
  ['stop', 'erase', 'begin'],
  ['stop', 'stop', 'begin', 'begin'],
  ['begin'],
]

interface Answer {
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- as a caller of the API sees it
  json: any
}

/** A second turn of a session, during whose finish other requests of the session come. */
interface Race {
  /** Whether the client of the running reply stays. */
  isWatched: boolean
  kinds: GatedCall['kind'][]
  visitor: Client
  sessionId: string
  message: string
  /** The messages of its new turns. */
  next: string[]
}

async function newRace(kinds: GatedCall['kind'][], isWatched: boolean): Promise<Race> {
  const visitor = await newVisitor(worker.url)
  const { session_id: sessionId } = await visitor.chat({ message: 'Hello' })
  const next = kinds.filter((kind) => kind === 'begin').map(() => `Next ${crypto.randomUUID()}`)
  return { isWatched, kinds, visitor, sessionId, message: doomedMessage('pace ms=20'), next }
}

async function ask(
  race: Pick<Race, 'visitor'>,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  const response = await race.visitor.request(method, path, body)
  const text = await response.text()
  return { status: response.status, json: text === '' ? undefined : JSON.parse(text) }
}

async function run(race: Race): Promise<{ events: ServerEvent[]; answers: Map<string, Answer[]> }> {
  const { visitor, sessionId: session_id, message, kinds, next } = race
  const path = `/v1/sessions/${session_id}`
  const client = beginAndLeave(worker.url, visitor, { session_id, message }, accept)
  await until(() => client.text().includes('event: delta'))
  if (!race.isWatched) client.leave('reset')
  // Begin is through, so the next one is that of a new message.
  const met = meetings.meet(session_id, ['finish', ...kinds])
  const messages = next.values()
  const asked = kinds.map(async (kind): Promise<[string, Answer]> => {
    if (kind === 'stop') return [kind, await ask(race, 'POST', `${path}/stop`)]
    if (kind === 'erase') return [kind, await ask(race, 'DELETE', path)]
    return [
      kind,
      await ask(race, 'POST', '/v1/chat', { session_id, message: messages.next().value }),
    ]
  })
  const [all] = await Promise.all([Promise.all(asked), met])
  const events = () => eventsOf(client)
  if (race.isWatched)
    await until(() => /^turn\.(completed|failed)$/.test(events().at(-1)?.event ?? ''))
  const answers = new Map<string, Answer[]>()
  for (const [kind, answer] of all) answers.set(kind, [...(answers.get(kind) ?? []), answer])
  return { events: events(), answers }
}

/** Expects that every word that was reported is stored, unless the session was erased. */
async function expectNothingLost(
  race: Race,
  events: ServerEvent[],
  answers: Map<string, Answer[]>,
) {
  const { sessionId, next, isWatched, kinds } = race
  const isErased = answers.has('erase')
  if (isErased) {
    expect(answers.get('erase')?.[0]?.status).toBe(204)
    expect(await storedMessages(db, sessionId)).toEqual([])
  } else {
    const rows = await expectSound(db, sessionId)
    const statuses = rows.map(({ status }) => status)
    expect(statuses).not.toContain('streaming')
    // A stop that comes after a new message has begun stops that one.
    if (!kinds.includes('stop')) expect(new Set(statuses)).toEqual(new Set(['complete']))
    // All words had come before the finish: a stop that comes now takes none of them away.
    expect(rows[3]).toMatchObject({ status: 'complete', content: said })
    const accepted = next.filter((_, index) => {
      const { status, json } = answers.get('begin')?.[index] ?? {}
      return status === 200 || json?.code === 'stopped'
    })
    expect(
      rows
        .slice(4)
        .filter(({ role }) => role === 'user')
        .map(({ content }) => content),
    ).toEqual(expect.arrayContaining(accepted))
    expect(rows).toHaveLength(4 + 2 * accepted.length)
  }
  expect(said.startsWith(textOf(events))).toBe(true)
  if (!isWatched) return
  const last = events.at(-1)
  if (last?.event === 'turn.completed') expect(textOf(events)).toBe(said)
  else expect([isErased, last?.data.code]).toEqual([true, 'session_deleted'])
}

/** Expects that the visitor's turns count with what they cost, and not with all that they may have cost. */
async function expectSettled({ visitor }: Pick<Race, 'visitor'>): Promise<void> {
  const [row] = await db.kysely
    .selectFrom('spending')
    .selectAll()
    .where('payer', '=', visitorIdOf(visitor.token ?? ''))
    .execute()
  expect(Number(row?.tokens)).toBe(Number(row?.prompt_tokens) + Number(row?.completion_tokens))
}

const allowed: Record<string, number[]> = { stop: [200, 404], erase: [204], begin: [200, 404, 409] }

test('60 sessions at once: stop, erase, new messages and the finish of a reply at the same instant', async () => {
  const races = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      newRace(finishRivals[index % finishRivals.length] ?? [], index % 2 === 0),
    ),
  )
  const ends = await Promise.all(races.map((race) => run(race)))
  await worker.gate.idle()
  for (const [index, race] of races.entries()) {
    const { events, answers } = ends[index] ?? { events: [], answers: new Map<string, Answer[]>() }
    for (const [kind, of] of answers)
      for (const { status, json } of of)
        expect(allowed[kind], JSON.stringify(json)).toContain(status)
    await expectNothingLost(race, events, answers)
    await expectSettled(race)
    expect(callsOf({ ...race, model })).toHaveLength(1)
    for (const message of race.next)
      expect(callsOf({ message, model }).length).toBeLessThanOrEqual(1)
  }
}, 120_000)

type Rival = 'stop' | 'erase' | 'message' | 'continue'

/** The calls that come at the same instant for a reply that was cut off. */
const continueRivals: Rival[][] = [
  ['continue', 'continue'],
  ['continue', 'continue', 'stop'],
  ['continue', 'message'],
  ['continue', 'erase'],
  ['continue', 'continue', 'stop', 'message', 'erase'],
  ['continue', 'stop', 'message', 'message'],
]

/** A session whose second reply was cut off, and the requests that come for it at once. */
async function raceToContinue(rivals: Rival[]) {
  const visitor = await newVisitor(worker.url)
  const { session_id } = await visitor.chat({ message: 'Hello' })
  const message = doomedMessage('cut after=12')
  const turn = { session_id, message, message_id: crypto.randomUUID() }
  const { reply } = await visitor.chat(turn)
  expect(reply.status).toBe('interrupted')
  const race = { visitor, sessionId: session_id }
  const path = `/v1/sessions/${session_id}`
  const send = {
    stop: () => ask(race, 'POST', `${path}/stop`),
    erase: () => ask(race, 'DELETE', path),
    message: () => ask(race, 'POST', '/v1/chat', { session_id, message: 'Next' }),
    continue: () => ask(race, 'POST', '/v1/chat', { ...turn, continue: reply.id }),
  }
  const kinds = rivals.map((rival) => (rival === 'stop' || rival === 'erase' ? rival : 'begin'))
  const met = meetings.meet(session_id, kinds)
  const answers = await Promise.all(rivals.map((rival) => send[rival]()))
  await met
  return { ...race, message, reply, rivals, answers }
}

test('60 sessions at once: continue, stop, erase and new messages for a reply that was cut off, at the same instant', async () => {
  const races = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      raceToContinue(continueRivals[index % continueRivals.length] ?? []),
    ),
  )
  await worker.gate.idle()
  for (const race of races) {
    const { rivals, answers, message, sessionId, reply } = race
    for (const { status, json } of answers)
      expect([200, 204, 404, 409], JSON.stringify(json)).toContain(status)
    const calls = model.requests.filter(
      ({ messages }) =>
        messages.at(-1)?.content !== 'Next' && messages.some(({ content }) => content === message),
    )
    // One for the reply that was cut off, and at most one for its rest.
    expect(calls.length).toBeLessThanOrEqual(2)
    await expectSettled(race)
    if (rivals.includes('erase')) {
      expect(await storedMessages(db, sessionId)).toEqual([])
      continue
    }
    const rows = await expectSound(db, sessionId)
    const [{ status, content }] = rows.slice(3) as [MessageRow]
    expect(rows[3]?.id).toBe(reply.id)
    expect(content.slice(0, reply.content.length)).toBe(reply.content)
    expect(content).toBe(said.slice(0, content.length))
    expect(status).toBe(content === said ? 'complete' : 'interrupted')
    if (!rivals.includes('message') && !rivals.includes('stop')) expect(content).toBe(said)
    expect(rows.map((row) => row.status)).not.toContain('streaming')
  }
}, 120_000)
