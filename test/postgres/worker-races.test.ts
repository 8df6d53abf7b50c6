import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { conduct, rounds } from '../rigs/conduct.ts'
import { expireLease, testDatabase, turnStart } from '../rigs/conversation.ts'
import { callsOf, doomedMessage, until, untilRead, words } from '../rigs/doomed-turn.ts'
import { type GatedWorker, startGatedWorker } from '../rigs/gated-worker.ts'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import { withoutObjects } from '../rigs/start-workerd.ts'
import { expectSound, storedMessages } from '../rigs/stored-session.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

/** Two Workers on one database, as in two locations of the network. */
const db = testDatabase()
const accept = { accept: 'text/event-stream' }
const said = words.join(' ')
const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))

let model: OfflineModel
type Pair = [GatedWorker, GatedWorker]
let workers: Pair
/** They write each reply themselves, and save it when its client disconnects. */
let alone: Pair
beforeAll(async () => {
  model = await startOfflineModel()
  const start = (vars = {}) => startGatedWorker(model.baseUrl, vars)
  workers = await Promise.all([start(), start()])
  alone = await Promise.all([start(withoutObjects), start(withoutObjects)])
})
afterAll(async () => {
  await Promise.all([...workers, ...alone].map((worker) => worker.close()))
  await model.close()
})

/** One visitor, through either Worker. */
async function visitorOfBoth([first, other] = workers): Promise<[Client, Client]> {
  const left = await newVisitor(first.url)
  return [left, createClient(other.url, left.token)]
}

/** A session of a visitor who has had one turn in it. */
async function newSession(pair = workers) {
  const both = await visitorOfBoth(pair)
  const { session_id } = await both[0].chat({ message: 'Hello' })
  return { both, session_id, path: `/v1/sessions/${session_id}` }
}

interface Answer {
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- as a caller of the API sees it
  json: any
}

async function answer(response: Promise<Response>): Promise<Answer> {
  const got = await response
  const text = await got.text()
  return { status: got.status, json: text && JSON.parse(text) }
}

const chat = (client: Client, body: object) => answer(client.request('POST', '/v1/chat', body))
const newTurn = () => ({ message: doomedMessage(''), message_id: crypto.randomUUID() })
const statusesOf = (answers: Answer[]) => new Set(answers.map(({ status }) => status))
const codesOf = (answers: Answer[]) => new Set(answers.map(({ json }) => json.code))

describe('many requests at once, over two Workers', () => {
  test('60 turns in one session: the accepted ones are stored whole, the others leave no trace', async () => {
    const { both, session_id } = await newSession()
    const turns = times(60, () => ({ ...newTurn(), session_id }))
    const answers = await Promise.all(
      turns.map((turn, index) => chat(both[index % 2 ? 1 : 0], turn)),
    )
    expect(statusesOf(answers)).toEqual(new Set([200, 409]))
    const accepted = turns.filter((_, index) => answers[index]?.status === 200)
    const rows = await expectSound(db, session_id)
    expect(rows).toHaveLength(2 + 2 * accepted.length)
    expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['complete']))
    for (const { message } of turns) {
      const isAccepted = accepted.some((turn) => turn.message === message)
      expect(callsOf({ message, model })).toHaveLength(isAccepted ? 1 : 0)
    }
  })

  test("60 times a visitor's first message: one session, one message, one call to the model", async () => {
    const both = await visitorOfBoth()
    const turn = newTurn()
    const answers = await Promise.all(times(60, (index) => chat(both[index % 2 ? 1 : 0], turn)))
    expect(statusesOf(answers)).toEqual(new Set([200, 409]))
    expect(callsOf({ ...turn, model })).toHaveLength(1)
    expect((await both[1].expect(200, 'GET', '/v1/sessions')).data).toHaveLength(1)
    const { session_id, reply } = await both[1].chat(turn)
    expect(reply.content).toBe(said)
    expect(await expectSound(db, session_id)).toHaveLength(2)
  })

  test('40 retries of a turn whose Worker died: one runs', async () => {
    const both = await visitorOfBoth()
    const { message, message_id } = newTurn()
    const userId = visitorIdOf(both[0].token ?? '')
    const dead = turnStart({ userId, content: message, messageId: message_id })
    await beginTurn(db, dead)
    await expireLease(db, dead)
    const retry = { session_id: dead.sessionId, message, message_id }
    const answers = await Promise.all(times(40, (index) => chat(both[index % 2 ? 1 : 0], retry)))
    expect(answers.filter(({ json }) => json.reply && !json.replayed)).toHaveLength(1)
    expect(callsOf({ message, model })).toHaveLength(1)
    expect(await expectSound(db, dead.sessionId)).toHaveLength(2)
  })
})

describe('two turns that begin at the same instant, one at each Worker', () => {
  test('with two messages: one is answered, the other is a 409 and leaves no trace', async () => {
    const { both, session_id } = await newSession()
    for (let round = 1; round <= 20; round += 1) {
      const turns = both.map(() => ({ ...newTurn(), session_id }))
      const { all } = conduct(workers, session_id, [['begin', 'begin'], ['finish']])
      const answers = await Promise.all(
        both.map((client, index) => chat(client, turns[index] ?? {})),
      )
      await all
      expect(codesOf(answers)).toEqual(new Set(['session_busy', undefined]))
      const rows = await expectSound(db, session_id)
      expect(rows).toHaveLength(2 + 2 * round)
      const answered = turns.filter((_, index) => answers[index]?.status === 200)
      expect(rows.at(-2)?.id).toBe(answered[0]?.message_id)
      expect(turns.flatMap((turn) => callsOf({ ...turn, model }))).toHaveLength(1)
    }
  })

  test('that regenerate a reply: there is one new reply, and the old one is kept', async () => {
    for (let round = 0; round < 10; round += 1) {
      const both = await visitorOfBoth()
      const turn = newTurn()
      const { session_id, reply } = await both[0].chat(turn)
      const again = { ...turn, session_id, regenerate: reply.id }
      const { all } = conduct(workers, session_id, [['begin', 'begin'], ['finish']])
      const answers = await Promise.all(both.map((client) => chat(client, again)))
      await all
      expect(codesOf(answers)).toEqual(new Set(['turn_running', undefined]))
      const { json } = answers.find(({ status }) => status === 200) ?? {}
      expect(await both[1].chat(again)).toMatchObject({ replayed: true, reply: json.reply })
      expect(callsOf({ ...turn, model })).toHaveLength(2)
      const rows = await expectSound(db, session_id)
      expect(rows.map(({ status }) => status)).toEqual(['complete', 'superseded', 'complete'])
    }
  })
})

describe('a session that is erased', () => {
  /** Expects that no row keeps the session's id, and that no route shows it. */
  async function expectErased(client: Client, session_id: string) {
    expect(await storedMessages(db, session_id)).toEqual([])
    await client.expect(404, 'GET', `/v1/sessions/${session_id}`)
    await client.expect(404, 'POST', '/v1/chat', { ...newTurn(), session_id })
    expect((await client.expect(200, 'GET', '/v1/sessions')).data).toEqual([])
  }

  test('while its reply is stored and stopped leaves no row, in whatever order', async () => {
    for (const groups of rounds('stop', 'erase', 'finish')) {
      const { both, session_id, path } = await newSession()
      const { came, all } = conduct(workers, session_id, groups)
      const turn = chat(both[0], { ...newTurn(), session_id })
      await came('finish')
      const stop = answer(both[1].request('POST', `${path}/stop`))
      const erase = answer(both[1].request('DELETE', path))
      const [ended, stopped, erased] = await Promise.all([turn, stop, erase, all])
      expect(erased.status).toBe(204)
      if (ended.status === 200) expect(ended.json.reply).toMatchObject({ content: said })
      else expect(ended.json).toMatchObject({ status: 404, code: 'session_deleted' })
      expect([200, 404]).toContain(stopped.status)
      await expectErased(both[0], session_id)
    }
  }, 60_000)

  test.each(['begin', 'checkpoint'] as const)(
    'while a turn is at its %s leaves no row',
    async (kind) => {
      const pair = kind === 'begin' ? workers : alone
      for (const groups of rounds('erase', kind)) {
        const { both, session_id, path } = await newSession(pair)
        const { came, all } = conduct(pair, session_id, groups)
        const message = doomedMessage(kind === 'begin' ? 'pace ms=2' : 'stall after=3')
        const client = beginAndLeave(pair[0].url, both[0], { message, session_id }, accept)
        if (kind === 'checkpoint') {
          await untilRead(client, 'turn.started', 3)
          client.leave('reset')
        }
        await came(kind)
        await Promise.all([both[1].expect(204, 'DELETE', path), all])
        await expectErased(both[0], session_id)
        if (kind === 'begin') {
          await until(() => /session_deleted|not_found/.test(client.text()))
          expect(await storedMessages(db, session_id)).toEqual([])
        }
        expect(client.text()).not.toContain('turn.completed')
      }
    },
  )
})

describe('a stop', () => {
  test('while the reply is stored loses nothing of it, in whatever order', async () => {
    for (const groups of rounds('stop', 'finish')) {
      const { both, session_id, path } = await newSession()
      const { came, all } = conduct(workers, session_id, groups)
      const turn = chat(both[0], { ...newTurn(), session_id })
      await came('finish')
      const stop = both[1].expect(200, 'POST', `${path}/stop`)
      const [{ json }, { stopped }] = await Promise.all([turn, stop, all])
      expect(json.reply).toMatchObject({ status: 'complete', content: said })
      if (groups.length > 1) expect(stopped).toBe(groups[0]?.[0] === 'stop')
      expect((await both[1].chat({ message: 'Next', session_id })).history).toHaveLength(6)
    }
  })

  test('while a checkpoint is stored loses none of its text, in whatever order', async () => {
    for (const groups of rounds('stop', 'checkpoint')) {
      const stopsFirst = groups[0]?.length === 1 && groups[0][0] === 'stop'
      const { both, session_id, path } = await newSession(alone)
      const { came, all } = conduct(alone, session_id, [...groups, ['finish']])
      const message = doomedMessage(stopsFirst ? 'stall after=3' : 'pace ms=10')
      const client = beginAndLeave(alone[0].url, both[0], { message, session_id }, accept)
      await untilRead(client, 'delta', 3)
      client.leave('reset')
      await came('checkpoint')
      const stop = both[1].expect(200, 'POST', `${path}/stop`)
      expect(await Promise.all([stop, all])).toMatchObject([{ stopped: true }, undefined])
      const { status, content } = (await both[1].expect(200, 'GET', `${path}/messages`)).data[3]
      expect(status).toMatch(stopsFirst ? 'interrupted' : /^(interrupted|complete)$/)
      expect(status === 'complete' ? content === said : said.startsWith(content)).toBe(true)
      expect(content).toContain('word2')
    }
  })
})
