import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { AdminSession, AdminSessionsPage } from '../../src/protocol-admin.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { problemOf } from '../rigs/problem.ts'
import { startRig, useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const ADMIN_TOKEN = 'an-admin-token-of-forty-characters-or-so'
const { rig } = useRig({ ADMIN_TOKEN })
const owner = createClient(() => rig.url, ADMIN_TOKEN)

const idsOf = ({ data }: { data: AdminSession[] }) => data.map(({ id }) => id)
const search = (query: string) => owner.expect(200, 'GET', `/v1/admin/sessions?${query}`)
const reply = (text: string) => `[[reply ${JSON.stringify(text)}]]`

/** A visitor, and the query that finds only this visitor's sessions. */
async function visitorWithSessions(...messages: string[]) {
  const visitor = await newVisitor(rig.url)
  const userId = visitorIdOf(visitor.token ?? '')
  const sessions: string[] = []
  for (const message of messages) sessions.push((await visitor.chat({ message })).session_id)
  return { visitor, userId, sessions, of: `user_id=${encodeURIComponent(userId)}` }
}

const uuid = crypto.randomUUID()
const cursorOf = (position: unknown) => Buffer.from(JSON.stringify(position)).toString('base64url')

/** Writes a session of a user, whose last activity was on 2026-01-01. */
async function seedMessages(userId: string, count: number, text: string) {
  await sql`
with seeded as (
  insert into sessions (id, user_id, next_seq, created_at)
  values (gen_random_uuid(), ${userId}, ${count + 1}::integer, '2026-01-01') returning id
)
insert into messages (session_id, id, seq, role, status, content, token_count)
select id, gen_random_uuid(), seq, 'user', 'complete', ${text}, 1
from seeded, generate_series(1, ${count}::integer) seq`.execute(testDatabase().kysely)
}

describe('the owner', () => {
  test('sees sessions with their users, latest activity first, in pages', async () => {
    const { userId, sessions, of } = await visitorWithSessions('One', 'Two', 'Three')
    const { data, has_more: hasMore, next_cursor: cursor } = await search(`${of}&limit=2`)
    expect(data[0]).toEqual({
      id: sessions[2],
      user_id: userId,
      title: 'Three',
      metadata: {},
      message_count: 2,
      created_at: expect.any(String),
      last_message_at: expect.any(String),
    })
    expect(idsOf({ data })).toEqual([sessions[2], sessions[1]])
    expect(hasMore).toBe(true)
    const rest = await search(`${of}&limit=2&cursor=${cursor}`)
    expect(idsOf(rest)).toEqual([sessions[0]])
    expect(rest).toMatchObject({ has_more: false, next_cursor: null })
  })

  test('sees the sessions of all users at once', async () => {
    const word = crypto.randomUUID()
    const [one] = (await visitorWithSessions(`One ${word}`)).sessions
    const [two] = (await visitorWithSessions(`Two ${word}`)).sessions
    expect(idsOf(await search(`q=${word}`))).toEqual([two, one])
    // Other tests of this database may have newer ones.
    expect((await search('limit=1')).data).toHaveLength(1)
  })

  test('finds text in titles, messages, replies and quotations, in any case and with any signs', async () => {
    const { visitor, sessions, of } = await visitorWithSessions(
      reply('A 100% Refund, a_b \\ c'),
      'Nothing to see',
    )
    const [first, second] = sessions
    await visitor.chat({
      session_id: second,
      message: 'And this?',
      context_text: 'The small PRINT',
    })
    await visitor.expect(200, 'PATCH', `/v1/sessions/${second}`, { title: 'Renamed' })
    const found = async (q: string) => idsOf(await search(`${of}&q=${encodeURIComponent(q)}`))
    expect(await found('100% refund')).toEqual([first])
    expect(await found('A_B \\ C')).toEqual([first])
    expect(await found('small print')).toEqual([second])
    expect(await found('renamed')).toEqual([second])
    // The signs of a pattern are ordinary characters here.
    expect(await found('1__%')).toEqual([])
    expect(await found("' or 1 = 1 --")).toEqual([])
  })

  test('finds sessions by time, by rating and by the status of a reply', async () => {
    const { visitor, sessions, of } = await visitorWithSessions(
      'One',
      `${reply('Two')} [[fault cut after=1]]`,
    )
    const [first, second] = sessions
    const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${first}/messages`)
    const path = `/v1/sessions/${first}/messages/${data[1].id}/feedback`
    await visitor.expect(200, 'PUT', path, { rating: 'down' })
    expect(idsOf(await search(`${of}&rating=down`))).toEqual([first])
    expect(idsOf(await search(`${of}&rating=up`))).toEqual([])
    expect(idsOf(await search(`${of}&status=interrupted`))).toEqual([second])
    const { last_message_at: time } = await visitor.expect(200, 'GET', `/v1/sessions/${second}`)
    const at = encodeURIComponent(time)
    expect(idsOf(await search(`${of}&since=${at}`))).toEqual([second])
    expect(idsOf(await search(`${of}&until=${at}`))).toEqual([first])
    expect(idsOf(await search(`${of}&since=2020-01-01&until=2020-01-02`))).toEqual([])
  })

  test('is told how far back a search looked, and goes on from there', async () => {
    const { userId, sessions, of } = await visitorWithSessions('Needle')
    const [id = ''] = sessions
    const text = 'words of a seeded message'
    await seedMessages(userId, 25_000, text)
    const found: string[] = []
    const until: (string | null)[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      rig.clear()
      const page: AdminSessionsPage = await search(
        `${of}&q=needle${cursor === '' ? '' : `&cursor=${cursor}`}`,
      )
      expect(rig.timeline).toEqual(['database'])
      expect(page.has_more).toBe(page.next_cursor !== null)
      found.push(...idsOf(page))
      until.push(page.searched_until ?? null)
      cursor = page.next_cursor
    }
    expect(found).toEqual([id])
    expect(until.slice(-1)).toEqual([null])
    expect(until.slice(0, -1)).toEqual(['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'])
    expect(await search(of)).not.toHaveProperty('searched_until')
  })

  test('reads the messages of any session, in pages', async () => {
    const { visitor, sessions } = await visitorWithSessions('One')
    const [id] = sessions
    await visitor.chat({ session_id: id, message: 'Two' })
    const theirs = await visitor.expect(200, 'GET', `/v1/sessions/${id}/messages`)
    const path = `/v1/admin/sessions/${id}/messages`
    expect(await owner.expect(200, 'GET', path)).toEqual(theirs)
    const page = await owner.expect(200, 'GET', `${path}?limit=3`)
    expect(page).toMatchObject({ has_more: true, next_cursor: '2' })
    const rest = await owner.expect(200, 'GET', `${path}?limit=3&before=${page.next_cursor}`)
    expect([...rest.data, ...page.data]).toEqual(theirs.data)
  })

  test('erases a session', async () => {
    const { visitor, sessions, of } = await visitorWithSessions('One', 'Two')
    const [first, second] = sessions
    const path = `/v1/admin/sessions/${first}`
    await owner.expect(204, 'DELETE', path)
    await owner.expect(404, 'DELETE', path)
    await owner.expect(404, 'GET', `${path}/messages`)
    await visitor.expect(404, 'GET', `/v1/sessions/${first}`)
    expect(idsOf(await search(of))).toEqual([second])
  })

  test('sees the spent tokens, by day and by user', async () => {
    const { visitor, userId, sessions, of } = await visitorWithSessions('One')
    const [id] = sessions
    const { reply: second } = await visitor.chat({ session_id: id, message: 'Two' })
    const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${id}/messages`)
    const first = data[1].usage
    const prompt = first.prompt_tokens + second.usage!.prompt_tokens
    const completion = first.completion_tokens + second.usage!.completion_tokens
    const spent = {
      turns: 2,
      tokens: prompt + completion,
      prompt_tokens: prompt,
      completion_tokens: completion,
      cached_tokens: 0,
    }
    expect((await owner.expect(200, 'GET', `/v1/admin/usage?${of}`)).data).toEqual([
      { day: expect.any(String), users: 1, ...spent },
    ])
    const byUser = await owner.expect(200, 'GET', `/v1/admin/usage?by=user&${of}`)
    expect(byUser.data).toEqual([{ user_id: userId, ...spent }])
    const none = await owner.expect(200, 'GET', `/v1/admin/usage?${of}&until=2020-01-01`)
    expect(none.data).toEqual([])
  })

  test.each([
    ['sessions', 'q='],
    ['sessions', 'limit=0'],
    ['sessions', 'since=yesterday'],
    ['sessions', 'until=0000-01-01'],
    ['sessions', 'rating=left'],
    ['sessions', 'cursor=x'],
    ['sessions', `cursor=${cursorOf(['2026-01-01T00:00:00.000Z', uuid, 0, 1])}`],
    ['sessions', `cursor=${cursorOf(['2026-01-01T00:00:00.000Z', uuid, 5])}`],
    ['sessions', `cursor=${cursorOf(['2026-01-01T00:00:00.000Z', uuid, 5, 8])}`],
    ['sessions', 'user=x'],
    ['usage', 'by=hour'],
    ['usage', 'since=0001-01-01'],
    ['usage', 'until=2026-02-30'],
  ])('is told what is wrong with %s?%s', async (what, query) => {
    const response = await owner.request('GET', `/v1/admin/${what}?${query}`)
    const { code, errors } = await problemOf(response)
    expect(code).toBe('invalid_request')
    expect(errors).toMatchObject([{ field: query.split('=')[0] }])
    expect(rig.timeline).toEqual([])
  })
})

describe('nobody else', () => {
  const paths = ['/v1/admin/sessions', '/v1/admin/usage', '/v1/admin/nothing']

  test.each([undefined, 'x', ADMIN_TOKEN.slice(1), `${ADMIN_TOKEN}x`, ADMIN_TOKEN.toUpperCase()])(
    'is let in: with the credential %s it is a 401 before any call',
    async (token) => {
      const stranger = createClient(rig.url, token)
      const visitor = await newVisitor(rig.url)
      for (const path of paths)
        for (const client of [stranger, visitor]) {
          const response = await client.request('GET', path)
          expect(await problemOf(response)).toMatchObject({ status: 401, code: 'unauthorized' })
        }
      expect(rig.timeline).toEqual([])
    },
  )

  test("may use the owner's credential: a visitor's routes refuse it", async () => {
    for (const path of ['/v1/sessions', '/v1/usage', '/v1/export'])
      expect((await owner.request('GET', path)).status).toBe(401)
  })
})

test('without ADMIN_TOKEN the routes look like any that do not exist', async () => {
  const closed = await startRig()
  try {
    const visitor = await newVisitor(closed.url)
    const answers = async (client: Client, path: string) => {
      const response = await client.request('GET', path)
      const problem = { ...(await problemOf(response)), request_id: '' }
      const headers = [...response.headers].filter(([name]) => !/^(date|x-request-id)$/.test(name))
      return { problem, headers }
    }
    for (const client of [createClient(closed.url), visitor, createClient(closed.url, ADMIN_TOKEN)])
      for (const path of ['/v1/admin/sessions', '/v1/admin/usage', '/v1/admin'])
        expect(await answers(client, path)).toEqual(await answers(client, '/v1/nothing'))
    expect((await visitor.request('GET', '/v1/admin/sessions')).status).toBe(404)
  } finally {
    await closed.close()
  }
})
