import { readdir } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { type Login, startLogin } from '../rigs/login.ts'
import { fieldsOf, problemOf } from '../rigs/problem.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'

const ADMIN_TOKEN = 'an-admin-token-of-forty-characters-or-so'
let login: Login
let rig: Rig
let visitor: Client
let signedIn: Client
let admin: Client
beforeAll(async () => {
  login = await startLogin()
  rig = await startRig({ ADMIN_TOKEN, ...login.vars })
  visitor = await newVisitor(rig.worker.url)
  signedIn = createClient(rig.worker.url, await login.signBySecret())
  admin = createClient(rig.worker.url, ADMIN_TOKEN)
})
beforeEach(clear)
// Every request of this file is refused before a call to the database or the model.
afterEach(() => {
  expect(rig.database.calls).toEqual([])
  expect(rig.model.requests).toEqual([])
})
afterAll(async () => {
  await rig.close()
  await login.close()
})

function clear() {
  rig.database.clear()
  rig.model.clear()
}

const uuid = '01890a5d-ac96-774b-bcce-b302099a8057'
const session = `/v1/sessions/${uuid}`

interface BodyRow {
  method: string
  path: string
  /** A valid value of every field. */
  body: Record<string, unknown>
}

/** Every body of the API, and its route. */
const bodies: Record<string, BodyRow> = {
  ChatRequest: {
    method: 'POST',
    path: '/v1/chat',
    body: {
      message: 'Hello',
      session_id: uuid,
      message_id: uuid,
      context_text: 'Hello',
      metadata: {},
      regenerate: uuid,
      continue: uuid,
      history_limit: 1,
    },
  },
  NewSessionRequest: {
    method: 'POST',
    path: '/v1/sessions',
    body: { title: 'Hello', metadata: {} },
  },
  ContextRequest: {
    method: 'POST',
    path: `${session}/context`,
    body: { message: 'Hello', context_text: 'quoted' },
  },
  SessionChangeRequest: {
    method: 'PATCH',
    path: session,
    body: { title: 'Hello', metadata: {} },
  },
  FeedbackRequest: {
    method: 'PUT',
    path: `${session}/messages/${uuid}/feedback`,
    body: { rating: 'up', comment: 'Hello' },
  },
  ClaimRequest: {
    method: 'POST',
    path: '/v1/sessions/claim',
    body: { visitor_token: `vst_${'a'.repeat(43)}` },
  },
  NoBody: { method: 'POST', path: '/v1/visitors', body: {} },
}

/** Every query of the API, and its path. */
const queries: Record<string, string> = {
  SessionsQuery: '/v1/sessions',
  MessagesQuery: `${session}/messages`,
  ExportQuery: '/v1/export',
  AdminSessionsQuery: '/v1/admin/sessions',
  AdminUsageQuery: '/v1/admin/usage',
}

const paths: Record<string, (id: string) => [string, string, unknown?][]> = {
  SessionPath: (id) => [
    ['GET', `/v1/sessions/${id}`],
    ['PATCH', `/v1/sessions/${id}`, { title: 'Hello' }],
    ['DELETE', `/v1/sessions/${id}`],
    ['GET', `/v1/sessions/${id}/messages`],
    ['POST', `/v1/sessions/${id}/stop`],
    ['POST', `/v1/sessions/${id}/context`, { message: 'Hello' }],
    ['GET', `/v1/sessions/${id}/stream`],
    ['GET', `/v1/admin/sessions/${id}/messages`],
    ['DELETE', `/v1/admin/sessions/${id}`],
  ],
  ReplyPath: (id) => [
    ['GET', `/v1/sessions/${id}/messages/${uuid}/stream`],
    ['GET', `${session}/messages/${id}/stream`],
    ['GET', `/v1/sessions/${id}/messages/${uuid}/context`],
    ['GET', `${session}/messages/${id}/context`],
  ],
  MessagePath: (id) => [
    ['PUT', `/v1/sessions/${id}/messages/${uuid}/feedback`, { rating: 'up' }],
    ['PUT', `${session}/messages/${id}/feedback`, { rating: 'up' }],
  ],
}

/** Every schema in the files of the wire. */
const files = (await readdir('src')).filter((name) => /^protocol.*\.ts$/.test(name))
const modules = await Promise.all(files.map((name) => import(`../../src/${name}`)))
const schemas = modules
  .flatMap((module: object) => Object.entries(module))
  .flatMap(([name, value]) => (value instanceof z.ZodObject ? [{ name, schema: value }] : []))

test('every schema of the wire has a row here', () => {
  const rows = { ...bodies, ...queries, ...paths }
  expect(schemas.map(({ name }) => name).toSorted()).toEqual(Object.keys(rows).toSorted())
})

function clientFor(path: string): Client {
  if (path.startsWith('/v1/admin')) return admin
  return path.endsWith('/claim') ? signedIn : visitor
}

/** The types of the values below that a field accepts. A field that is missing here fails its test. */
const taken: Record<string, string[]> = {
  message: ['string'],
  context_text: ['string'],
  title: ['string'],
  comment: ['string'],
  q: ['string'],
  user_id: ['string'],
  session_id: [],
  message_id: [],
  regenerate: [],
  continue: [],
  visitor_token: [],
  metadata: ['object'],
  history_limit: ['zero', 'integer'],
  limit: ['integer'],
  before: ['zero', 'integer'],
  after: ['zero', 'integer'],
  rating: ['null'],
  status: [],
  superseded: ['boolean'],
  by: [],
  since: [],
  until: [],
  cursor: [],
}

/** `[type, JSON]` */
const values: [string, string][] = [
  ['object', '{}'],
  ['object', '{"not":"a"}'],
  ['object', '{"$ne":null}'],
  ['object', '{"toString":"a"}'],
  ['object', '{"__proto__":{"length":5}}'],
  ['array', '[]'],
  ['array', '["a"]'],
  ['array', `["${uuid}"]`],
  ['array', '[["a"],["b"]]'],
  ['deep', '['.repeat(20_000) + ']'.repeat(20_000)],
  ['deep', '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)],
  ['zero', '0'],
  ['integer', '7'],
  ['negative', '-1'],
  ['fraction', '1.5'],
  ['fraction', '1e-7'],
  ['huge', '1e400'],
  ['huge', '9007199254740993'],
  ['boolean', 'true'],
  ['boolean', 'false'],
  ['null', 'null'],
  ['blank', '""'],
  ['blank', '" "'],
  ['string', '"0"'],
  ['string', '"0e1"'],
  ['string', '"null"'],
  ['string', '"true"'],
  ['string', '"[object Object]"'],
  ['string', `"${uuid.slice(0, 8)}"`],
  ['long', `"${'a'.repeat(100_000)}"`],
]

const bodyFields = schemas.flatMap(({ name, schema }) => {
  const row = bodies[name]
  return row ? Object.keys(schema.shape).map((field) => ({ name, field, row })) : []
})

/** JSON with these members, in this order. A name may occur twice. Each value is JSON already. */
function bodyOf(members: [name: string, json: string][]): string {
  return `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`
}

/** The valid values of every field except this one. */
function othersThan(field: string, body: Record<string, unknown>): [string, string][] {
  return Object.entries(body)
    .filter(([name]) => name !== field)
    .map(([name, value]) => [name, JSON.stringify(value)])
}

async function refusedFields(method: string, path: string, body?: string): Promise<string[]> {
  const problem = await problemOf(await clientFor(path).request(method, path, body))
  expect(problem, `${path} ${body?.slice(0, 200)}`).toMatchObject({
    status: 400,
    code: 'invalid_request',
  })
  return fieldsOf(problem)
}

test.each(bodyFields)(
  '$field of $name is refused by name if its value has another type',
  async ({ field, row: { method, path, body } }) => {
    expect(Object.keys(taken)).toContain(field)
    const wrong = values.filter(([type]) => !taken[field]?.includes(type))
    await Promise.all(
      wrong.map(async ([, json]) => {
        const sent = bodyOf([...othersThan(field, body), [field, json]])
        expect(await refusedFields(method, path, sent), sent.slice(0, 300)).toContain(field)
      }),
    )
  },
)

test.each(bodyFields)(
  '$field of $name has its last value if it occurs twice',
  async ({ field, row: { method, path, body } }) => {
    // A body cannot hold both regenerate and continue.
    const right = JSON.stringify(body[field] ?? uuid)
    const sent = bodyOf([...othersThan(field, body), [field, right], [field, '[]']])
    expect(await refusedFields(method, path, sent)).toEqual([field])
  },
)

const unknown = [
  'role',
  'system',
  'system_prompt',
  'messages',
  'tools',
  'model',
  'temperature',
  'base_url',
  'user',
  'user_id',
  'userId',
  'authorization',
  'Message',
  'message ',
  '',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
]

describe.each(Object.entries(bodies))('the body %s', (_, { method, path, body }) => {
  test('is refused with the name of an unknown field', async () => {
    await Promise.all(
      unknown.map(async (name) => {
        const { continue: _excludesRegenerate, ...others } = body
        const sent = bodyOf([...othersThan(name, others), [name, '{"role":"system"}']])
        expect(await refusedFields(method, path, sent), sent).toEqual([name])
      }),
    )
  })

  test('gets no field from its prototype', async () => {
    const sent = `{"__proto__":${JSON.stringify(body)}}`
    expect(await refusedFields(method, path, sent)).toContain('__proto__')
  })
})

const queryFields = schemas.flatMap(({ name, schema }) => {
  const path = queries[name]
  return path === undefined ? [] : Object.keys(schema.shape).map((field) => ({ name, field, path }))
})

/** `[type, value]`, encoded as in a URL. */
const queryValues: [string, string][] = [
  ['blank', ''],
  ['blank', '%20'],
  ['zero', '0'],
  ['integer', '7'],
  ['negative', '-1'],
  ['fraction', '1.5'],
  ['string', '0e1'],
  ['string', '0x10'],
  ['string', 'null'],
  ['string', 'undefined'],
  ['string', 'NaN'],
  ['string', '%5Bobject%20Object%5D'],
  ['string', '%7B%22not%22%3A%22a%22%7D'],
  ['string', "'%20or%201=1--"],
  ['boolean', 'true'],
  ['NUL', '%00'],
  ['NUL', 'a%00b'],
  ['long', 'a'.repeat(5_000)],
  ['huge', '99999999999999999999'],
]

describe.each(queryFields)('$field of $name', ({ field, path }) => {
  test('is refused by name if its value has another type', async () => {
    expect(Object.keys(taken)).toContain(field)
    const types = taken[field] ?? []
    // A number is also a text.
    const texts = ['zero', 'integer', 'negative', 'fraction', 'string', 'boolean', 'huge']
    const right = types.includes('string') ? texts : types
    const wrong = queryValues.filter(([type]) => !right.includes(type))
    await Promise.all(
      wrong.map(async ([, value]) =>
        expect(await refusedFields('GET', `${path}?${field}=${value}`), value).toContain(field),
      ),
    )
  })

  test('is refused if it occurs twice, or as a list or an object', async () => {
    const right = '1'
    const forms = [
      [`${field}=${right}&${field}=${right}`, field],
      [`${field}[]=${right}`, `${field}[]`],
      [`${field}[not]=${right}`, `${field}[not]`],
      [`${field}.not=${right}`, `${field}.not`],
      [`${field.toUpperCase()}=${right}`, field.toUpperCase()],
    ] as const
    for (const [query, name] of forms)
      expect(await refusedFields('GET', `${path}?${query}`), query).toContain(name)
  })
})

test('every query is refused with the name of an unknown field', async () => {
  for (const path of Object.values(queries))
    for (const name of unknown.filter((each) => each.trim() === each && each !== 'user_id')) {
      const asked = `${path}?${name}=1`
      // An empty name is not a field.
      if (name !== '') expect(await refusedFields('GET', asked), asked).toEqual([name])
    }
})

const malformedIds = [
  '0',
  '0e1',
  'null',
  'undefined',
  'true',
  '[object Object]',
  '*',
  uuid.slice(0, 8),
  uuid.slice(0, -1),
  `${uuid}0`,
  `{${uuid}}`,
  `urn:uuid:${uuid}`,
  uuid.replaceAll('-', ''),
  uuid.replace('0', '٠'),
  `${uuid}\0`,
  ` ${uuid}`,
  `${uuid}'--`,
  `${uuid},${uuid}`,
]

test.each(Object.entries(paths))(
  'a malformed id of %s is a 404, like an id of nothing',
  async (_, requestsWith) => {
    for (const id of malformedIds)
      for (const [method, path, body] of requestsWith(encodeURIComponent(id))) {
        const problem = await problemOf(await clientFor(path).request(method, path, body))
        expect(problem, `${method} ${path}`).toMatchObject({ status: 404, code: 'not_found' })
      }
  },
)

describe('an id', () => {
  afterEach(clear)

  test('may be sent in any case', async () => {
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const { session_id, reply } = await visitor.chat(turn)
    const upper = (id: string) => id.toUpperCase()
    const again = { ...turn, session_id: upper(session_id), message_id: upper(turn.message_id) }
    expect(await visitor.chat(again)).toMatchObject({ session_id, replayed: true, reply })
    const path = `/v1/sessions/${upper(session_id)}`
    expect(await visitor.expect(200, 'GET', path)).toMatchObject({ id: session_id })
    const rated = `${path}/messages/${upper(reply.id)}/feedback`
    expect(await visitor.expect(200, 'PUT', rated, { rating: 'up' })).toMatchObject({
      id: reply.id,
    })
  })
})
