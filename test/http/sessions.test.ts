import { describe, expect, test } from 'vitest'
import type { Message, Session } from '../../src/protocol.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { problemOf } from '../rigs/problem.ts'
import { sessionRequests } from '../rigs/routes.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig } = useRig()

const seqsOf = ({ data }: { data: Message[] }) => data.map(({ seq }) => seq)
const idsOf = ({ data }: { data: Session[] }) => data.map(({ id }) => id)

async function newSession(visitor: Client, body: unknown = {}): Promise<Session> {
  return visitor.expect(201, 'POST', '/v1/sessions', body)
}

describe('a session', () => {
  test('is created empty, and read as it was created', async () => {
    const visitor = await newVisitor(rig.url)
    const wanted = { title: 'Plans', metadata: { page: '/pricing', tags: ['a', 'b'] } }
    const session = await newSession(visitor, wanted)
    expect(session).toEqual({
      ...wanted,
      id: expect.any(String),
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      last_message_at: null,
    })
    const path = `/v1/sessions/${session.id}`
    expect(await visitor.expect(200, 'GET', path)).toEqual(session)
    expect(await visitor.expect(200, 'GET', `${path}/messages`)).toEqual({
      data: [],
      has_more: false,
      next_cursor: null,
    })
  })

  test('needs no body, no title and no metadata', async () => {
    const visitor = await newVisitor(rig.url)
    expect(await visitor.expect(201, 'POST', '/v1/sessions')).toMatchObject({
      title: null,
      metadata: {},
    })
  })

  test('without messages makes room for a new one, in the same round trip, if its user has twenty', async () => {
    const visitor = await newVisitor(rig.url)
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const created: string[] = []
    for (let count = 0; count < 20; count += 1) created.push((await newSession(visitor)).id)
    const all = async () => idsOf(await visitor.expect(200, 'GET', '/v1/sessions')).toSorted()
    expect(await all()).toEqual([session_id, ...created].toSorted())
    rig.clear()
    for (let count = 0; count < 3; count += 1) created.push((await newSession(visitor)).id)
    expect(rig.timeline).toEqual(['database', 'database', 'database'])
    expect(await all()).toEqual([session_id, ...created.slice(3)].toSorted())
    // A session that has had a message is not counted any more.
    await visitor.chat({ session_id: created[3], message: 'Hello' })
    created.push((await newSession(visitor)).id)
    expect(await all()).toEqual([session_id, ...created.slice(3)].toSorted())
    await visitor.expect(404, 'POST', '/v1/chat', { session_id: created[0], message: 'Hello' })
  })

  test('gives a caller without a token a new one, once', async () => {
    const anybody = createClient(rig.url)
    const { visitor_token: token, ...session } = await anybody.expect(201, 'POST', '/v1/sessions')
    expect(token).toMatch(/^vst_[\w-]{43}$/)
    const visitor = createClient(rig.url, token)
    expect(await visitor.expect(200, 'GET', '/v1/sessions')).toMatchObject({ data: [session] })
    expect(await newSession(visitor)).not.toHaveProperty('visitor_token')
  })

  test('is named by the first line of its first message until it is renamed', async () => {
    const visitor = await newVisitor(rig.url)
    const { session_id } = await visitor.chat({ message: 'Opening hours?\nAnd prices?' })
    const path = `/v1/sessions/${session_id}`
    const session = await visitor.expect(200, 'GET', path)
    expect(session).toMatchObject({ title: 'Opening hours?', last_message_at: expect.any(String) })
    const renamed = await visitor.expect(200, 'PATCH', path, { title: 'Hours' })
    expect(renamed).toEqual({ ...session, title: 'Hours' })
    await visitor.chat({ session_id, message: 'Thanks' })
    expect(await visitor.expect(200, 'GET', path)).toMatchObject({ title: 'Hours' })
  })

  test('changes only in the named fields', async () => {
    const visitor = await newVisitor(rig.url)
    const session = await newSession(visitor, { title: 'One', metadata: { a: 1, b: 2 } })
    const path = `/v1/sessions/${session.id}`
    const changed = await visitor.expect(200, 'PATCH', path, { metadata: { b: 3 } })
    expect(changed).toEqual({ ...session, metadata: { b: 3 } })
    expect(await visitor.expect(400, 'PATCH', path, {})).toMatchObject({ code: 'invalid_request' })
    expect(await visitor.expect(200, 'GET', path)).toEqual(changed)
  })

  test('is gone with its messages once it is deleted', async () => {
    const visitor = await newVisitor(rig.url)
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const { session_id, reply } = await visitor.chat(turn)
    const path = `/v1/sessions/${session_id}`
    expect(await visitor.expect(204, 'DELETE', path)).toBeUndefined()
    for (const [method, where, body] of Object.values(sessionRequests(session_id)).flat())
      expect((await visitor.expect(404, method, where, body)).code).toBe('not_found')
    expect((await visitor.expect(200, 'GET', '/v1/sessions')).data).toEqual([])
    // A turn without a session id starts over, under the derived id.
    const again = await visitor.chat(turn)
    expect(again.session_id).toBe(session_id)
    expect(again.reply.id).not.toBe(reply.id)
    expect(again.history).toHaveLength(2)
  })
})

describe('a list', () => {
  test('of sessions is pages without a gap or a repeat, latest activity first', async () => {
    const visitor = await newVisitor(rig.url)
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) ids.unshift((await newSession(visitor)).id)
    const [oldest = ''] = ids.splice(-1)
    await visitor.chat({ session_id: oldest, message: 'Hello' })
    ids.unshift(oldest)

    expect(idsOf(await visitor.expect(200, 'GET', '/v1/sessions'))).toEqual(ids)
    const seen: string[] = []
    let query = 'limit=2'
    for (const more of [true, true, false]) {
      const page = await visitor.expect(200, 'GET', `/v1/sessions?${query}`)
      seen.push(...idsOf(page))
      expect(page.has_more).toBe(more)
      expect(page.next_cursor).toEqual(more ? expect.any(String) : null)
      query = `limit=2&cursor=${page.next_cursor}`
    }
    expect(seen).toEqual(ids)
  })

  test('of sessions begins with the one that had the latest turn, also if it is not its first turn', async () => {
    const visitor = await newVisitor(rig.url)
    const newest: string[] = []
    for (const message of ['One', 'Two', 'Three'])
      newest.unshift((await visitor.chat({ message })).session_id)
    expect(idsOf(await visitor.expect(200, 'GET', '/v1/sessions'))).toEqual(newest)
    for (const place of [2, 1, 2]) {
      const [session_id = ''] = newest.splice(place, 1)
      newest.unshift(session_id)
      await visitor.chat({ session_id, message: 'Another' })
      expect(idsOf(await visitor.expect(200, 'GET', '/v1/sessions'))).toEqual(newest)
    }
  })

  test('of messages is the newest page, and from there back and forth by seq', async () => {
    const visitor = await newVisitor(rig.url)
    const { session_id } = await visitor.chat({ message: '1' })
    for (const message of ['3', '5', '7']) await visitor.chat({ session_id, message })
    const page = (query: string) =>
      visitor.expect(200, 'GET', `/v1/sessions/${session_id}/messages?${query}`)

    const newest = await page('limit=3')
    expect([seqsOf(newest), newest.has_more, newest.next_cursor]).toEqual([[6, 7, 8], true, '6'])
    const before = await page('limit=3&before=6')
    expect([seqsOf(before), before.has_more, before.next_cursor]).toEqual([[3, 4, 5], true, '3'])
    const first = await page('limit=3&before=3')
    expect([seqsOf(first), first.has_more, first.next_cursor]).toEqual([[1, 2], false, null])
    const after = await page('limit=3&after=3')
    expect([seqsOf(after), after.has_more, after.next_cursor]).toEqual([[4, 5, 6], true, '6'])
    expect(await page('after=8')).toEqual({ data: [], has_more: false, next_cursor: null })
    expect(seqsOf(await page('before=2147483647'))).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })
})

describe('every answer', () => {
  test("has its request id, and a user's data is not cached", async () => {
    const visitor = await newVisitor(rig.url)
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const path = `/v1/sessions/${session_id}`
    const requests: [string, string, unknown?][] = [
      ['POST', '/v1/visitors'],
      ['POST', '/v1/sessions', {}],
      ['GET', '/v1/sessions'],
      ['GET', path],
      ['PATCH', path, { title: 'New' }],
      ['GET', `${path}/messages`],
      ['POST', '/v1/chat', { session_id, message: 'Hello' }],
      ['DELETE', path],
    ]
    for (const [method, where, body] of requests) {
      const response = await visitor.request(method, where, body, { 'x-request-id': 'my-id_1' })
      expect(response.ok, await response.text()).toBe(true)
      expect(response.headers.get('cache-control'), `${method} ${where}`).toBe('no-store')
      // The Worker's own id: a caller's may be a token, or the id of another request.
      expect(response.headers.get('x-request-id')).toMatch(/^[\da-f]{8}-/)
    }
    const accept = { accept: 'text/event-stream' }
    const stream = await visitor.request('POST', '/v1/chat', { message: 'Hello' }, accept)
    expect(stream.headers.get('cache-control')).toBe('no-store, no-transform')
    await stream.text()
  })

  test('to an unknown path or method is a problem too', async () => {
    const visitor = await newVisitor(rig.url)
    for (const [method, path] of [
      ['GET', '/v1'],
      ['GET', '/v1/chat'],
      ['PUT', '/v1/sessions'],
      ['DELETE', '/v1/sessions'],
      ['GET', '/v2/sessions'],
      ['POST', '/nothing'],
    ] as const)
      expect((await problemOf(await visitor.request(method, path))).status).toBe(404)
  })

  test('that refuses a stream before it begins is a problem, not a stream', async () => {
    const visitor = await newVisitor(rig.url)
    const body = { session_id: crypto.randomUUID(), message: 'Hello' }
    const response = await visitor.request('POST', '/v1/chat', body, {
      accept: 'text/event-stream',
    })
    expect((await problemOf(response)).status).toBe(404)
  })
})
