import { sql } from 'kysely'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { databaseCalls } from '../../src/limits.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { type Login, startLogin } from '../rigs/login.ts'
import { fieldsOf, problemOf } from '../rigs/problem.ts'
import { startRig, useRig } from '../rigs/start-rig.ts'
import { storedUser } from '../rigs/stored-user.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const db = testDatabase()
let login: Login
const { rig } = useRig(async () => {
  login = await startLogin()
  return login.vars
})
afterAll(() => login.close())

async function newUser(): Promise<Client> {
  return createClient(rig.url, await login.sign())
}

const claim = (user: Client, visitor: Client) =>
  user.expect(200, 'POST', '/v1/sessions/claim', { visitor_token: visitor.token })

/** A visitor who has had two conversations, and opened a third. */
async function visitorOfThree() {
  const visitor = await newVisitor(rig.url)
  const first = await visitor.chat({ message: 'My name is Ada.' })
  const second = await visitor.chat({ message: 'Hello' })
  const third = await visitor.expect(201, 'POST', '/v1/sessions', { title: 'Empty' })
  return { visitor, ids: [first.session_id, second.session_id, third.id as string], first }
}

const idsOf = async (client: Client): Promise<string[]> =>
  (await client.expect(200, 'GET', '/v1/sessions')).data.map(({ id }: { id: string }) => id)

describe('a claim', () => {
  test('moves all sessions of the visitor to the user, as they are', async () => {
    const { visitor, ids, first } = await visitorOfThree()
    const user = await newUser()
    const before = await visitor.expect(200, 'GET', '/v1/sessions')
    expect(await claim(user, visitor)).toEqual({ claimed: 3 })
    expect(await user.expect(200, 'GET', '/v1/sessions')).toEqual(before)
    const path = `/v1/sessions/${first.session_id}/messages`
    expect((await user.expect(200, 'GET', path)).data).toEqual(first.history)
    const next = await user.chat({ message: 'What is my name?', session_id: ids[0] })
    expect(next.history).toHaveLength(4)
    expect(next.reply.content).toContain('Ada')
  })

  test('leaves the visitor with nothing there, as if it had never been', async () => {
    const { visitor, ids } = await visitorOfThree()
    await claim(await newUser(), visitor)
    expect(await idsOf(visitor)).toEqual([])
    const missing = crypto.randomUUID()
    const bytesOf = async (id: string) => {
      const response = await visitor.request('GET', `/v1/sessions/${id}`)
      return { ...(await problemOf(response)), request_id: '' }
    }
    expect(await bytesOf(ids[0] ?? '')).toEqual(await bytesOf(missing))
    await visitor.expect(404, 'POST', '/v1/chat', { message: 'Hello', session_id: ids[0] })
    await visitor.expect(404, 'DELETE', `/v1/sessions/${ids[0]}`)
  })

  test('that comes again moves nothing, or what has come since', async () => {
    const { visitor } = await visitorOfThree()
    const user = await newUser()
    expect(await claim(user, visitor)).toEqual({ claimed: 3 })
    expect(await claim(user, visitor)).toEqual({ claimed: 0 })
    await visitor.chat({ message: 'Hello again' })
    expect(await claim(user, visitor)).toEqual({ claimed: 1 })
    expect(await idsOf(user)).toHaveLength(4)
  })

  test('by a second user finds nothing left, and takes nothing from the first', async () => {
    const { visitor, ids } = await visitorOfThree()
    const [first, second] = [await newUser(), await newUser()]
    await claim(first, visitor)
    expect(await claim(second, visitor)).toEqual({ claimed: 0 })
    expect((await idsOf(first)).toSorted()).toEqual(ids.toSorted())
    expect(await idsOf(second)).toEqual([])
  })

  test('leaves the sessions that the user has already, and those of other visitors', async () => {
    const user = await newUser()
    const own = await user.chat({ message: 'Hello' })
    const { visitor: other, ids } = await visitorOfThree()
    const { visitor } = await visitorOfThree()
    await claim(user, visitor)
    expect(await idsOf(user)).toHaveLength(4)
    expect(await idsOf(user)).toContain(own.session_id)
    expect((await idsOf(other)).toSorted()).toEqual(ids.toSorted())
  })

  test('of a token that nobody has used moves nothing', async () => {
    expect(await claim(await newUser(), await newVisitor(rig.url))).toEqual({ claimed: 0 })
  })

  test('that would leave the user more than twenty sessions without messages keeps the newest of these', async () => {
    const { visitor, ids } = await visitorOfThree()
    const user = await newUser()
    const own: string[] = []
    for (let count = 0; count < 20; count += 1)
      own.push((await user.expect(201, 'POST', '/v1/sessions')).id)
    expect(await claim(user, visitor)).toEqual({ claimed: 3 })
    const [first = '', second = ''] = ids
    // The visitor's own session without messages is the oldest of 21.
    expect((await idsOf(user)).toSorted()).toEqual([first, second, ...own].toSorted())
  })

  test('costs one call to the database, and none to the model', async () => {
    const { visitor } = await visitorOfThree()
    const user = await newUser()
    rig.clear()
    await claim(user, visitor)
    expect(rig.timeline).toEqual(['database'])
  })

  test('moves the sessions of one who has thousands', async () => {
    const visitor = await newVisitor(rig.url)
    const user = await newUser()
    const user_id = visitorIdOf(visitor.token ?? '')
    const rows = Array.from({ length: 1_200 }, () => ({
      id: crypto.randomUUID(),
      user_id,
      next_seq: 3,
    }))
    await db.kysely.insertInto('sessions').values(rows).execute()
    rig.clear()
    expect(await claim(user, visitor)).toEqual({ claimed: 1_200 })
    expect(rig.timeline).toEqual(['database', 'database', 'database'])
    expect((await storedUser(db, user_id)).sessions).toEqual([])
  })

  test('that needs more calls than a request may make is a 503, and continues when it is sent again', async () => {
    const visitor = await newVisitor(rig.url)
    const user = await newUser()
    const visitorId = visitorIdOf(visitor.token ?? '')
    const total = 500 * databaseCalls.perRequest + 1
    await sql`
insert into sessions (id, user_id, title, next_seq) select gen_random_uuid(), ${visitorId}, ${visitorId}, 3
from generate_series(1, ${total}::integer)`.execute(db.kysely)
    onTestFinished(async () => {
      await db.kysely.deleteFrom('sessions').where('title', '=', visitorId).execute()
    })
    rig.clear()
    const body = { visitor_token: visitor.token }
    const response = await user.request('POST', '/v1/sessions/claim', body)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await problemOf(response)).toMatchObject({
      status: 503,
      code: 'claim_unfinished',
      claimed: total - 1,
    })
    expect(rig.timeline).toHaveLength(databaseCalls.perRequest)
    expect(await claim(user, visitor)).toEqual({ claimed: 1 })
    expect((await storedUser(db, visitorId)).sessions).toEqual([])
  }, 90_000)

  test('in the middle of a turn lets it end: its visitor hears it, and it is stored for the user', async () => {
    const visitor = await newVisitor(rig.url)
    const session = await visitor.expect(201, 'POST', '/v1/sessions', {})
    const path = `/v1/sessions/${session.id}`
    const turn = { session_id: session.id, message: '[[fault pace ms=50]] write 400 words' }
    const running = visitor.stream(turn)
    const messages = async (client: Client) =>
      (await client.expect(200, 'GET', `${path}/messages`)).data
    const isStreaming = async () => (await messages(visitor))[1]?.status === 'streaming'
    await vi.waitUntil(isStreaming, 10_000)
    const user = await newUser()
    expect(await claim(user, visitor)).toEqual({ claimed: 1 })
    expect((await messages(user))[1]).toMatchObject({ status: 'streaming' })
    // It is the user's now: so is the stop.
    await visitor.expect(404, 'POST', `${path}/stop`)
    expect(await user.expect(200, 'POST', `${path}/stop`)).toEqual({ stopped: true })
    const events = await running
    const [, reply] = await messages(user)
    expect(reply).toMatchObject({ status: 'interrupted', content: expect.stringMatching(/./) })
    expect(events.at(-1)).toMatchObject({ event: 'turn.failed', data: { code: 'stopped', reply } })
    await visitor.expect(404, 'GET', `${path}/messages`)
  })
})

describe('both credentials are needed', () => {
  test('the JWT: to a visitor, to nobody and with a wrong one it is a 401 that moves nothing', async () => {
    const { visitor, ids } = await visitorOfThree()
    const body = { visitor_token: visitor.token }
    rig.clear()
    const expired = await login.sign({ exp: 1 })
    for (const token of [undefined, visitor.token, `vst_${'a'.repeat(43)}`, expired, 'x']) {
      const client = createClient(rig.url, token)
      const problem = await problemOf(await client.request('POST', '/v1/sessions/claim', body))
      expect(problem).toMatchObject({ status: 401, code: 'unauthorized' })
      expect(JSON.stringify(problem)).not.toContain(visitor.token)
    }
    expect(rig.timeline).toEqual([])
    expect(await idsOf(visitor)).toHaveLength(ids.length)
  })

  test.each<[string, unknown]>([
    ['visitor_token', {}],
    ['visitor_token', { visitor_token: null }],
    ['visitor_token', { visitor_token: 7 }],
    ['visitor_token', { visitor_token: ['vst_'] }],
    ['visitor_token', { visitor_token: '' }],
    ['visitor_token', { visitor_token: 'vst_short' }],
    ['visitor_token', { visitor_token: `vst_${'a'.repeat(43)}\n` }],
    ['visitor_token', { visitor_token: `Bearer vst_${'a'.repeat(43)}` }],
    ['visitor_token', { visitor_token: visitorIdOf('x') }],
    ['user_id', { visitor_token: `vst_${'a'.repeat(43)}`, user_id: 'user:1' }],
  ])(
    'the visitor token: a body without one is refused by the field, %s: %j',
    async (field, body) => {
      const response = await (await newUser()).request('POST', '/v1/sessions/claim', body)
      const problem = await problemOf(response)
      expect([problem.status, fieldsOf(problem)]).toEqual([400, [field]])
      expect(JSON.stringify(problem)).not.toContain('a'.repeat(43))
      expect(rig.timeline).toEqual([])
    },
  )

  test('in one request: neither is in a log', async () => {
    const visitor = await newVisitor(rig.url)
    const user = await newUser()
    await claim(user, visitor)
    await user.expect(400, 'POST', '/v1/sessions/claim', { visitor_token: `${visitor.token}x` })
    await vi.waitUntil(() => rig.logs().length >= 3, { timeout: 5_000 })
    const log = JSON.stringify(rig.logs())
    expect(log).not.toContain(visitor.token?.slice(4))
    expect(log).not.toContain(user.token?.split('.')[1])
  })
})

test('where the site has no login nobody can claim', async () => {
  const without = await startRig()
  try {
    const visitor = await newVisitor(without.url)
    const body = { visitor_token: visitor.token }
    for (const token of [visitor.token, await login.sign(), undefined])
      await createClient(without.url, token).expect(401, 'POST', '/v1/sessions/claim', body)
    expect(without.timeline).toEqual([])
  } finally {
    await without.close()
  }
})
