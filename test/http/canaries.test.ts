import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { createDatabase } from '../../src/db/database.ts'
import { type Echo, type EchoingModel, startEchoingModel } from '../fakes/echoing-model.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import type { DatabaseFault } from '../rigs/database-proxy.ts'
import { dumpTables, type StoredValue } from '../rigs/dump-tables.ts'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import { type Login, startLogin } from '../rigs/login.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { turnCall } from '../rigs/turn-call.ts'

/** The data of one person. Each has a text that occurs nowhere else. */
const kinds = ['message', 'context', 'reply', 'title', 'key', 'value', 'comment', 'wrong'] as const
type Kind = (typeof kinds)[number]

const people = ['alice', 'bob', 'carol', 'dave'] as const
type Person = (typeof people)[number]

const run = crypto.randomUUID().slice(0, 8)
const mark = (person: Person, kind: Kind) => `${person}-${kind}-${run}`
const addressOf = (person: Person) => `203.0.113.${people.indexOf(person) + 70}`

interface Answer {
  /** The caller. The owner may see what everybody wrote. */
  by: Person | 'owner' | 'nobody'
  asked: string
  status: number
  headers: string
  body: string
}

const settings = {
  OPENAI_API_KEY: `sk-canary-${run}`,
  ADMIN_TOKEN: `canary-of-the-owner-of-32-characters-${run}`,
  SYSTEM_PROMPT: `The prompt is canary-prompt-${run}.`,
  DATABASE_TIMEOUT_MS: '20000',
  MODEL_IDLE_TIMEOUT_MS: '2000',
  DAILY_TOKENS_PER_ADDRESS: '1000000',
  DAILY_TOKENS_PER_SITE: '1000000',
}

let database: TestDatabase
let echoing: EchoingModel
let login: Login
let rig: Rig
/** Its model repeats all that it was sent. */
let indiscreet: Rig
/** It gives up on the database soon. */
let impatient: Rig
const clients = {} as Record<Person, Client>
const answers: Answer[] = []
/** Credentials and secret settings. */
let secrets: string[]
let stored: StoredValue[]

beforeAll(async () => {
  database = await startDatabase()
  await database.migrate()
  echoing = await startEchoingModel()
  login = await startLogin()
  const vars = { ...settings, ...login.vars }
  rig = await startRig(vars, { database })
  const echo = { ...vars, OPENAI_BASE_URL: echoing.baseUrl }
  indiscreet = await startRig(echo, { database })
  impatient = await startRig({ ...vars, DATABASE_TIMEOUT_MS: '300' }, { database })
  for (const person of people) clients[person] = await newVisitor(rig.url)
  clients.carol = createClient(rig.url, await login.sign({ sub: `carol-${run}` }))
  const tokens = Object.values(clients).map(({ token = '' }) => token)
  const { password } = new URL(database.connectionString)
  secrets = [
    settings.OPENAI_API_KEY,
    settings.ADMIN_TOKEN,
    `canary-prompt-${run}`,
    password,
    login.vars.AUTH_JWT_SECRET,
    ...tokens.map((token) => token.split('.').at(-1)?.replace('vst_', '') ?? ''),
  ]
  await everything()
  stored = await dumpTables(createDatabase({ ...database, timeoutMs: 20_000 }))
}, 240_000)
afterAll(async () => {
  await Promise.all([rig.close(), indiscreet.close(), impatient.close()])
  await Promise.all([echoing.close(), login.close(), database.close()])
})

async function ask(
  by: Answer['by'],
  method: string,
  path: string,
  { body, headers, at = rig }: { body?: unknown; headers?: object; at?: Pick<Rig, 'url'> } = {},
): Promise<Answer> {
  const token = by === 'owner' ? settings.ADMIN_TOKEN : by === 'nobody' ? '' : clients[by].token
  const isPerson = by !== 'owner' && by !== 'nobody'
  const response = await createClient(at.url, token === '' ? undefined : token).request(
    method,
    path,
    body,
    { ...(isPerson && { 'cf-connecting-ip': addressOf(by) }), ...headers },
  )
  const answer = {
    by,
    asked: `${method} ${path}`,
    status: response.status,
    headers: JSON.stringify([...response.headers]),
    body: await response.text(),
  }
  answers.push(answer)
  return answer
}

const streaming = { accept: 'text/event-stream' }

/** A turn with this person's words in every field, and in the reply. */
const turnOf = (person: Person, directive = '') => ({
  message: `${mark(person, 'message')} [[reply "${mark(person, 'reply')} ${mark(person, 'reply')}"]]${directive}`,
  context_text: mark(person, 'context'),
  metadata: { [mark(person, 'key')]: mark(person, 'value') },
  message_id: crypto.randomUUID(),
})

/** Everything that a visitor may do, right and wrong. */
async function visit(person: Person, other: Person, theirs: { session: string; reply: string }) {
  const turn = turnOf(person)
  const first = await ask(person, 'POST', '/v1/chat', { body: turn })
  expect(first.status, first.body).toBe(200)
  const { session_id, reply } = JSON.parse(first.body)
  const path = `/v1/sessions/${session_id}`
  const again = { ...turnOf(person), session_id }
  await ask(person, 'POST', '/v1/chat', { body: again, headers: streaming })
  await ask(person, 'POST', '/v1/chat', { body: again })
  const mismatch = { ...turn, message: mark(person, 'wrong') }
  expect((await ask(person, 'POST', '/v1/chat', { body: mismatch })).status).toBe(422)
  const change = {
    title: mark(person, 'title'),
    metadata: { [mark(person, 'key')]: mark(person, 'value') },
  }
  await ask(person, 'PATCH', path, { body: change })
  await ask(person, 'POST', '/v1/sessions', { body: change })
  const rating = { rating: 'down', comment: mark(person, 'comment') }
  await ask(person, 'PUT', `${path}/messages/${reply.id}/feedback`, { body: rating })
  await ask(person, 'POST', `${path}/stop`)
  const mine = `${path}/messages/${reply.id}/stream`
  for (const read of ['/v1/sessions', path, `${path}/messages`, mine, '/v1/export', '/v1/usage'])
    await ask(person, 'GET', read)

  const their = `/v1/sessions/${theirs.session}`
  const smuggled = { headers: { cookie: `token=${clients[other].token}` } }
  await ask(person, 'GET', their)
  await ask(person, 'GET', `${their}/messages?token=${clients[other].token}`, smuggled)
  await ask(person, 'GET', `${their}/messages/${theirs.reply}/stream`)
  await ask(person, 'DELETE', their)
  await ask(person, 'POST', '/v1/chat', { body: { ...turn, session_id: theirs.session } })
  await makeMistakes(person, path)
  return { session: session_id as string, reply: reply.id as string }
}

/** Sends words that are refused, in every place that takes some. */
async function makeMistakes(person: Person, path: string) {
  const wrong = mark(person, 'wrong')
  const bodies = [
    { message: `${wrong}\0` },
    { message: { [wrong]: wrong } },
    { message: 'Hello', [wrong]: wrong },
    { message: 'Hello', session_id: wrong },
    { message: 'Hello', metadata: { [wrong]: `${wrong}\0` } },
    { message: wrong.padEnd(8_001, 'a') },
    { message: wrong.padEnd(200_000, 'a') },
    `{"message":"${wrong}`,
  ]
  for (const body of bodies) await ask(person, 'POST', '/v1/chat', { body })
  const asText = { 'content-type': `text/${wrong}` }
  await ask(person, 'POST', '/v1/chat', { body: wrong, headers: asText })
  await ask(person, 'PATCH', path, { body: { title: wrong.padEnd(201, 'a') } })
  await ask(person, 'GET', `/v1/sessions?cursor=${wrong}&${wrong}=${wrong}`)
  await ask(person, 'GET', `/v1/${wrong}/${wrong}?${wrong}`)
  await ask(person, 'GET', `/v1/sessions/${wrong}`)
  await ask(person, 'POST', '/v1/sessions/claim', { body: { visitor_token: wrong } })
  const odd = {
    'last-event-id': wrong,
    'x-request-id': wrong.replaceAll(/[^\w-]/g, ''),
    'user-agent': wrong,
  }
  await ask(person, 'GET', path, { headers: { ...odd, referer: `https://x/${wrong}` } })
  await ask(person, 'GET', path, { headers: { origin: `https://${wrong}.example` } })
  for (const credential of [`Bearer ${wrong}`, `Basic ${wrong}`, `Bearer vst_${wrong}`, wrong])
    await ask('nobody', 'GET', path, { headers: { authorization: credential } })
}

const databaseFaults: DatabaseFault[] = [
  'reset before',
  'reset after',
  'silent before',
  'silent after',
  'cut',
  'lost connection',
  'server error',
  'html',
  'repeats everything',
]
const modelFaults = [
  'refused',
  'status=500',
  'status=401',
  'status=429',
  'html',
  'empty',
  'nonsense after=0',
  'error-chunk after=1',
  'cut after=1',
  'end after=1',
  'stall after=1',
  'context-length',
]
const echoes: Echo[] = ['error', 'error code', 'error chunk', 'nonsense', 'html']

async function everything() {
  const nowhere = { session: crypto.randomUUID(), reply: crypto.randomUUID() }
  const alices = await visit('alice', 'bob', nowhere)
  const bobs = await visit('bob', 'alice', alices)
  await visit('carol', 'alice', alices)
  await visit('dave', 'bob', bobs)
  const made = await ask('nobody', 'POST', '/v1/chat', { body: { message: 'Hello' } })
  secrets.push(JSON.parse(made.body).visitor_token)

  for (const fault of databaseFaults) await breakDatabase(fault, alices.session)
  for (const headers of [streaming, {}]) {
    for (const fault of modelFaults)
      await ask('bob', 'POST', '/v1/chat', { body: turnOf('bob', `[[fault ${fault}]]`), headers })
    for (const echo of echoes) {
      echoing.echo = echo
      await ask('bob', 'POST', '/v1/chat', { body: turnOf('bob'), headers, at: indiscreet })
    }
  }

  await leave('alice')
  await claim()
  await ask('owner', 'GET', '/v1/admin/sessions')
  await ask('owner', 'GET', `/v1/admin/sessions/${bobs.session}/messages`)
  await ask('owner', 'GET', '/v1/admin/usage?by=user')
  await ask('alice', 'GET', '/v1/admin/sessions')
  await ask('nobody', 'GET', `/v1/admin/sessions?token=${settings.ADMIN_TOKEN}`)
  for (const path of ['/health/live', '/health/ready']) await ask('nobody', 'GET', path)
  await ask('carol', 'DELETE', '/v1/me')
}

/** Each call, or only what stores a reply: then a turn runs, and cannot be stored. */
async function breakDatabase(fault: DatabaseFault, session: string) {
  const at = fault.startsWith('silent') ? impatient : rig
  const path = `/v1/sessions/${session}`
  const askBoth = () =>
    Promise.all(
      [streaming, {}].map((headers) =>
        ask('alice', 'POST', '/v1/chat', { body: turnOf('alice'), headers, at }),
      ),
    )
  at.database.fault = (call) => (turnCall(call) === 'finish' ? fault : undefined)
  await askBoth()
  at.database.fault = () => fault
  await askBoth()
  await ask('alice', 'GET', `${path}/messages`, { at })
  await ask('alice', 'PATCH', path, { body: { title: mark('alice', 'title') }, at })
  await ask('alice', 'GET', '/v1/export', { at })
  await ask('owner', 'GET', `/v1/admin/sessions?q=${mark('bob', 'message')}`, { at })
  at.database.fault = () => undefined
}

/** Disconnects in the middle of a reply, and waits until the reply is stored. */
async function leave(person: Person) {
  const turn = turnOf(person, '[[fault pace ms=50]]')
  const leaving = beginAndLeave(rig.url, clients[person], turn, streaming)
  await vi.waitUntil(() => leaving.text().includes('turn.started'), { timeout: 30_000 })
  leaving.leave('reset')
  const { data } = JSON.parse((await ask(person, 'GET', '/v1/sessions?limit=1')).body)
  await vi.waitUntil(
    async () => {
      const { body: page } = await ask(person, 'GET', `/v1/sessions/${data[0].id}/messages`)
      return !page.includes('"streaming"')
    },
    { timeout: 30_000, interval: 100 },
  )
}

/** Carol was the visitor dave before she signed in. */
async function claim() {
  const body = { visitor_token: clients.dave.token }
  const claimed = await ask('carol', 'POST', '/v1/sessions/claim', { body })
  expect(claimed.status, claimed.body).toBe(200)
  await ask('carol', 'GET', '/v1/export')
  await ask('dave', 'GET', '/v1/sessions')
}

const all = (...names: readonly Person[]) =>
  names.flatMap((person) => kinds.map((kind) => mark(person, kind)))
const addresses = people.map(addressOf)

/** The marks that a text holds. There should be none. */
function foundIn(text: string, marks: string[]): string[] {
  return marks.filter((each) => text.includes(each))
}

test('every kind of failure has happened', () => {
  const expected = [200, 201, 204, 400, 401, 403, 404, 413, 415, 422, 500, 502, 503]
  const statuses = answers.map(({ status }) => status)
  expect(expected.filter((status) => !statuses.includes(status))).toEqual([])
  expect(answers.filter(({ body }) => body.includes('turn.failed')).length).toBeGreaterThan(10)
})

test(
  'a log holds no word of anybody, no credential and no address',
  { timeout: 60_000 },
  async () => {
    const isRequest = (line: string) => line.includes('"route"')
    const lines = () => [rig, indiscreet, impatient].flatMap((each) => each.logs())
    await vi.waitUntil(() => lines().filter(isRequest).length >= answers.length, {
      timeout: 30_000,
    })
    for (const line of lines()) {
      expect(() => JSON.parse(line), line).not.toThrow()
      expect(foundIn(line, [...secrets, ...all(...people), ...addresses]), line).toEqual([])
      expect(line).not.toMatch(/postgres(ql)?:\/\/|vst_|Bearer|eyJ/)
    }
  },
)

describe('an answer', () => {
  test('holds no secret; a new token is in one answer, to its owner', () => {
    const telling = answers.filter(({ body, headers }) => foundIn(body + headers, secrets).length)
    expect(telling.map(({ asked, by }) => `${by} ${asked}`)).toEqual(['nobody POST /v1/chat'])
  })

  test('holds no word of anybody else', () => {
    const others = (by: Answer['by']) => people.filter((person) => person !== by)
    for (const { by, asked, body } of answers) {
      if (by === 'owner' && asked.includes('/admin/')) continue
      // Carol claimed the sessions of dave.
      const foreign = others(by).filter((person) => by !== 'carol' || person !== 'dave')
      expect(foundIn(body, all(...foreign)), `${by} ${asked}`).toEqual([])
    }
  })

  test('that is an error repeats no word except the name of an unknown field and of a refused origin', () => {
    for (const { asked, status, body } of answers.filter((answer) => answer.status >= 400)) {
      const repeats = status === 400 || status === 403
      const names = repeats ? people.map((person) => mark(person, 'wrong')) : []
      const marks = all(...people).filter((each) => !names.includes(each))
      expect(foundIn(body, marks), `${asked} ${body}`).toEqual([])
    }
    for (const { body } of answers.filter((answer) => answer.status >= 500))
      expect(foundIn(body, all(...people))).toEqual([])
  })

  test('holds none of that in its headers, except a refused origin', () => {
    for (const { asked, headers, status } of answers) {
      const allowed = status === 403 ? people.map((person) => mark(person, 'wrong')) : []
      const marks = all(...people).filter((each) => !allowed.includes(each))
      expect(foundIn(headers, [...secrets, ...marks, ...addresses]), asked).toEqual([])
    }
  })
})

test('no called URL and no request to the model or the database holds a credential', () => {
  const paths = [...rig.database.calls.map(({ path }) => path), ...echoing.paths]
  expect(new Set(paths)).toEqual(new Set(['/sql', '/v1/chat/completions']))
  for (const { path, headers, body } of rig.model.requests) {
    expect(path).toBe('/v1/chat/completions')
    const { authorization, ...rest } = headers
    expect(authorization).toBe(`Bearer ${settings.OPENAI_API_KEY}`)
    const withoutPrompt = secrets.filter((secret) => !settings.SYSTEM_PROMPT.includes(secret))
    const sent = JSON.stringify([rest, body])
    expect(foundIn(sent, [...withoutPrompt, ...addresses, `carol-${run}`])).toEqual([])
  }
  for (const { body } of rig.database.calls)
    expect(foundIn(body, [...secrets, ...addresses])).toEqual([])
})

describe('the database', () => {
  const columnsWith = (text: string) => [
    ...new Set(stored.filter((value) => value.text.includes(text)).map(({ column }) => column)),
  ]

  test('holds no secret, no token and no address', () => {
    for (const each of [...secrets, ...addresses]) expect(columnsWith(each)).toEqual([])
    expect(columnsWith('vst_')).toEqual([])
    expect(columnsWith('eyJ')).toEqual([])
  })

  const places: Record<Kind, string[]> = {
    message: ['messages.content', 'sessions.title'],
    reply: ['messages.content', 'sessions.title'],
    context: ['messages.context_text'],
    title: ['sessions.title'],
    key: ['messages.metadata', 'sessions.metadata'],
    value: ['messages.metadata', 'sessions.metadata'],
    comment: ['messages.rating_comment'],
    wrong: [],
  }

  test.each(kinds)('holds a %s where it belongs, and nowhere else', (kind) => {
    for (const person of ['alice', 'bob'] as const)
      expect(columnsWith(mark(person, kind)).toSorted()).toEqual(places[kind])
  })

  test('holds nothing of a user who erased everything, except what they spent', () => {
    for (const each of all('carol', 'dave')) expect(columnsWith(each)).toEqual([])
    expect(columnsWith(`carol-${run}`)).toEqual(['spending.payer'])
  })
})

const secretFormat =
  /postgres(ql)?:\/\/[^\s"'`/${}]+:[^\s"'`/${}]+@|\bsk-\w{20}|vst_[\w-]{43}|-----BEGIN [A-Z ]*PRIVATE KEY/

test('what is built has no secret in it', async () => {
  for (const folder of [inject('workerDir'), 'dist/widget']) {
    const files = await readdir(folder, { recursive: true, withFileTypes: true })
    for (const file of files.filter((each) => each.isFile())) {
      const text = await readFile(join(file.parentPath, file.name), 'utf8')
      expect(foundIn(text, secrets), file.name).toEqual([])
      // An error text of the driver has an example of a connection string.
      const secretLike = text.replaceAll('postgresql://user:password@', '').match(secretFormat)
      expect(secretLike, file.name).toBeNull()
    }
  }
})
