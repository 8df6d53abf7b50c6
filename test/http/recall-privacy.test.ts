import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { turnTerms } from '../../src/turn/recall/terms.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { dumpTables } from '../rigs/dump-tables.ts'
import { type Login, startLogin } from '../rigs/login.ts'
import { writeTurns } from '../rigs/recall-turns.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

let database: TestDatabase
let db: Database
let login: Login
const rigs = {} as Record<'session' | 'user', Rig>

beforeAll(async () => {
  database = await startDatabase()
  await database.migrate()
  db = createDatabase({ ...database, timeoutMs: 20_000 })
  login = await startLogin()
  const vars = { ...login.vars, CONTEXT_MAX_TURNS: '2' }
  for (const scope of ['session', 'user'] as const)
    rigs[scope] = await startRig({ ...vars, RECALL_SCOPE: scope }, { database })
})
afterAll(async () => {
  await Promise.all(Object.values(rigs).map((rig) => rig.close()))
  await Promise.all([login.close(), database.close()])
})
beforeEach(() => Object.values(rigs).forEach((rig) => rig.clear()))

/** A word that occurs nowhere else. Its first letters are its own, since the rest of a word is no part of its term. */
const newWord = () =>
  `${crypto
    .randomUUID()
    .slice(0, 4)
    .replaceAll(/\d/g, (digit) => 'ghijklmnop'[Number(digit)]!)}quartz`

const factOf = (word: string) => `The launch of our observatory is called ${word}`
const question = 'Remind me please: what is the launch of our observatory called?'
/** The reply repeats nothing. */
const quietly = '[[reply "Understood."]]'

/** The id of a new session: the fact, and so many turns about something else. */
async function sessionWith(client: Client, fact: string, turns = 3): Promise<string> {
  const { session_id } = await client.chat({ message: `${fact} ${quietly}` })
  for (let turn = 1; turn <= turns; turn += 1)
    await client.chat({ session_id, message: `write ${10 + turn} words` })
  return session_id
}

async function promptOf(rig: Rig, client: Client, session_id?: string): Promise<string> {
  rig.clear()
  await client.chat({ message: `${question} ${quietly}`, ...(session_id && { session_id }) })
  return JSON.stringify(rig.model.requests.at(-1)?.messages)
}

const newUser = async (rig: Rig) => createClient(rig.url, await login.sign())

function claim(user: Client, visitor: Client) {
  return user.expect(200, 'POST', '/v1/sessions/claim', { visitor_token: visitor.token })
}

describe('an erased session', () => {
  test.each([
    ['by itself', (session_id: string) => `/v1/sessions/${session_id}`],
    ['with its user', () => '/v1/me'],
  ])('that was erased %s leaves no word and no term in any table', async (_, pathOf) => {
    const rig = rigs.user
    const word = newWord()
    const visitor = await newVisitor(rig.url)
    const session_id = await sessionWith(visitor, factOf(word))
    expect(await promptOf(rig, visitor, session_id)).toContain(word)
    const other = await visitor.chat({ message: `${question} ${quietly}` })
    expect(JSON.stringify(rig.model.requests.at(-1)?.messages)).toContain(word)

    const [, reply] = await storedMessages(db, session_id)
    const salted = reply?.terms ?? []
    const { terms } = turnTerms(`${factOf(word)} ${quietly}`, null, 'Understood.')
    const traces = async () => {
      const stored = await dumpTables(db)
      const words = stored.filter(({ text }) => text.includes(word))
      const numbers = [word].flatMap((text) => turnTerms(text, null, '').terms)
      const saltedOnes = numbers.map((number) => salted[terms.indexOf(number)])
      const held = stored.filter(({ text }) =>
        [...numbers, ...saltedOnes].some((number) =>
          text.match(/-?\d+/g)?.includes(String(number)),
        ),
      )
      return [...words, ...held].map(({ column }) => column)
    }
    expect(new Set(await traces())).toEqual(
      new Set(['messages.content', 'messages.terms', 'sessions.title']),
    )
    await visitor.expect(204, 'DELETE', pathOf(session_id))
    expect(await traces()).toEqual([])
    if (pathOf(session_id) !== '/v1/me')
      expect(await promptOf(rig, visitor, other.session_id)).not.toContain(word)
  })
})

describe('a claimed session', () => {
  test.each(['session', 'user'] as const)(
    'is recalled from as before, with scope %s',
    async (scope) => {
      const rig = rigs[scope]
      const word = newWord()
      const [visitor, user] = [await newVisitor(rig.url), await newUser(rig)]
      const session_id = await sessionWith(visitor, factOf(word))
      await claim(user, visitor)
      expect(await promptOf(rig, user, session_id)).toContain(`Visitor: ${factOf(word)}`)
    },
  )

  test('is recalled from in the sessions of its new user, and in none of its old one', async () => {
    const rig = rigs.user
    const word = newWord()
    const [visitor, user] = [await newVisitor(rig.url), await newUser(rig)]
    await sessionWith(visitor, factOf(word))
    await claim(user, visitor)
    expect(await promptOf(rig, user)).toContain(word)
    expect(await promptOf(rig, visitor)).not.toContain(word)
  })

  test('lends no words of its new user to the visitor while the claim is under way', async () => {
    const rig = rigs.user
    const [theirs, mine] = [newWord(), newWord()]
    const [visitor, user] = [await newVisitor(rig.url), await newUser(rig)]
    await sessionWith(user, factOf(mine))
    for (let session = 0; session < 3; session += 1) await sessionWith(visitor, factOf(theirs), 1)
    rig.clear()
    // With fewer words of the fact than the last question, so that the facts are the best answers to that.
    const messageOf = (who: string) =>
      `Which launch of the observatory? The ${who} asks. ${quietly}`
    const ask = (client: Client, who: string) =>
      client.request('POST', '/v1/chat', { message: messageOf(who) })
    await Promise.all(
      Array.from({ length: 6 }, (_, round) => [
        ask(visitor, 'visitor'),
        ask(user, 'user'),
        ...(round === 2 ? [claim(user, visitor)] : []),
      ]).flat(),
    )
    // The user's prompts may quote what the visitor asked.
    const ofVisitor = rig.model.requests
      .map(({ messages }) => messages)
      .filter((prompt) => prompt.at(-1)?.content.endsWith(messageOf('visitor')))
    expect(ofVisitor.length).toBeGreaterThan(3)
    for (const prompt of ofVisitor) expect(JSON.stringify(prompt)).not.toContain(mine)
    expect(await promptOf(rig, user)).toMatch(theirs)
  })
})

describe('a turn is not recalled from another session', () => {
  test.each(['failed', 'superseded', 'streaming'] as const)(
    'if its reply is %s',
    async (status) => {
      const rig = rigs.user
      const running = {
        lease: crypto.randomUUID(),
        lease_expires_at: new Date(Date.now() + 600_000).toISOString(),
        finish_reason: null,
      }
      const promptAfter = async (change: object) => {
        const word = newWord()
        const visitor = await newVisitor(rig.url)
        const session_id = await sessionWith(visitor, factOf(word), 0)
        await db.kysely
          .updateTable('messages')
          .set(change)
          .where('session_id', '=', session_id)
          .where('seq', '=', 2)
          .execute()
        return { word, prompt: await promptOf(rig, visitor) }
      }
      const counting = await promptAfter({ status: 'complete' })
      expect(counting.prompt).toContain(counting.word)
      const { word, prompt } = await promptAfter({ status, ...(status === 'streaming' && running) })
      expect(prompt).not.toContain(word)
    },
  )

  test('with the reply that another one has replaced, whose terms are gone', async () => {
    const rig = rigs.session
    const visitor = await newVisitor(rig.url)
    const asked = { message: `${factOf(newWord())} ${quietly}`, message_id: crypto.randomUUID() }
    const { session_id, reply } = await visitor.chat(asked)
    await visitor.chat({ ...asked, session_id, regenerate: reply.id })
    const [, first, second] = await storedMessages(db, session_id)
    expect(first).toMatchObject({ status: 'superseded', terms: null, message_terms: null })
    expect(second?.terms?.length).toBeGreaterThan(3)
  })
})

describe('the words of another user', () => {
  /** 300 turns, of which the 10th and the 270th state the fact: the first is read, the second found by the index. */
  const turnsWith = (word: string) =>
    Array.from({ length: 300 }, (_, index) =>
      index === 9 || index === 269
        ? { message: factOf(word), reply: 'Understood.' }
        : { message: `Please write ${index} words`, reply: 'One two three four five' },
    )

  test.each(['session', 'user'] as const)(
    'are in no prompt though every term collides, with scope %s',
    async (scope) => {
      const rig = rigs[scope]
      const people = await Promise.all(
        [newWord(), newWord()].map(async (word) => {
          const client = await newVisitor(rig.url)
          return { client, word, userId: visitorIdOf(client.token ?? '') }
        }),
      )
      const id = crypto.randomUUID()
      // The salt is the end of the id: both sessions have the same.
      const ids = [id, `${crypto.randomUUID().slice(0, 28)}${id.slice(28)}`]
      for (const [index, { userId, word }] of people.entries())
        await writeTurns(db, { userId, sessionId: ids[index] ?? '' }, turnsWith(word))
      // All rows have the terms of one of them.
      await sql`
update messages theirs set terms = mine.terms from messages mine
where mine.session_id = ${ids[0]} and theirs.session_id = ${ids[1]} and theirs.seq = mine.seq`.execute(
        db.kysely,
      )
      for (const [index, { client, word }] of people.entries()) {
        const other = people[1 - index]?.word ?? ''
        const prompts = [await promptOf(rig, client, ids[index]), await promptOf(rig, client)]
        expect(prompts[0]).toContain(word)
        if (scope === 'user') expect(prompts[1]).toContain(word)
        else expect(prompts[1]).not.toContain(word)
        for (const prompt of prompts) expect(prompt).not.toContain(other)
        expect(await promptOf(rig, await newVisitor(rig.url))).not.toContain(word)
      }
    },
  )
})
