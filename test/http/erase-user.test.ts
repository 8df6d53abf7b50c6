import { sql } from 'kysely'
import { describe, expect, test, vi } from 'vitest'
import { databaseCalls } from '../../src/limits.ts'
import { type Client, newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import type { DatabaseFault } from '../rigs/database-proxy.ts'
import { exportAnswer } from '../rigs/export-lines.ts'
import { problemOf } from '../rigs/problem.ts'
import { seedSession } from '../rigs/seed-session.ts'
import { useRig } from '../rigs/start-rig.ts'
import { storedUser } from '../rigs/stored-user.ts'
import { tablesWith } from '../rigs/tables-with.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const db = testDatabase()
const { rig } = useRig()

const userIdOf = (visitor: Client) => visitorIdOf(visitor.token ?? '')
const stored = (visitor: Client) => storedUser(db, userIdOf(visitor))
const erase = (visitor: Client) => visitor.request('DELETE', '/v1/me')

async function visitorWithSessions(count: number) {
  const visitor = await newVisitor(rig.url)
  await sql`
insert into sessions (id, user_id) select gen_random_uuid(), ${userIdOf(visitor)}
from generate_series(1, ${count}::integer)`.execute(db.kysely)
  rig.clear()
  return visitor
}

describe('DELETE /v1/me', () => {
  test('erases every session of the user with its messages, and nothing of other users', async () => {
    const visitor = await newVisitor(rig.url)
    const other = await newVisitor(rig.url)
    await other.chat({ message: 'Hello' })
    const others = await stored(other)
    const erased: string[] = []
    for (const message of ['One', 'Two']) erased.push((await visitor.chat({ message })).session_id)
    erased.push((await visitor.expect(201, 'POST', '/v1/sessions')).id)

    const response = await erase(visitor)
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(await tablesWith(db, ...erased)).toEqual([])
    for (const id of erased) await visitor.expect(404, 'GET', `/v1/sessions/${id}`)
    expect((await visitor.expect(200, 'GET', '/v1/sessions')).data).toEqual([])
    expect(await exportAnswer(visitor)).toEqual([{ type: 'end', sessions: 0, messages: 0 }])
    expect(await stored(other)).toEqual(others)
  })

  test('is a 204 each time; it costs one call if there is nothing to erase', async () => {
    const visitor = await newVisitor(rig.url)
    await visitor.chat({ message: 'Hello' })
    await visitor.expect(204, 'DELETE', '/v1/me')
    rig.clear()
    await visitor.expect(204, 'DELETE', '/v1/me')
    expect(rig.timeline).toEqual(['database'])
  })

  test('does not reset the day: what was spent stays spent', async () => {
    const visitor = await newVisitor(rig.url)
    await visitor.chat({ message: 'Hello' })
    const { spending } = await stored(visitor)
    expect(spending).toHaveLength(1)
    await visitor.expect(204, 'DELETE', '/v1/me')
    expect(await stored(visitor)).toEqual({ sessions: [], messages: [], spending })
  })

  test('erases in batches of one call each', async () => {
    const visitor = await visitorWithSessions(250)
    await visitor.expect(204, 'DELETE', '/v1/me')
    expect((await stored(visitor)).sessions).toEqual([])
    expect(rig.timeline).toEqual(['database', 'database', 'database'])
  })

  test('erases long sessions in smaller batches of at least one session', async () => {
    const visitor = await newVisitor(rig.url)
    const turn = { status: 'complete', tokens: 20 } as const
    for (let count = 0; count < 3; count += 1)
      await seedSession(
        db,
        { userId: userIdOf(visitor), sessionId: crypto.randomUUID() },
        Array.from({ length: 2_600 }, () => turn),
      )
    rig.clear()
    await visitor.expect(204, 'DELETE', '/v1/me')
    expect((await stored(visitor)).sessions).toEqual([])
    expect(rig.timeline).toHaveLength(3)
  }, 90_000)

  test('that cannot erase everything in one request says so, and continues when repeated', async () => {
    const visitor = await visitorWithSessions(4_700)
    const response = await erase(visitor)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await problemOf(response)).toMatchObject({ status: 503, code: 'erase_unfinished' })
    expect(rig.timeline).toHaveLength(databaseCalls.perRequest)
    const left = (await stored(visitor)).sessions.length
    expect(left).toBeLessThan(4_700)
    await visitor.expect(204, 'DELETE', '/v1/me')
    expect((await stored(visitor)).sessions).toEqual([])
  }, 90_000)

  const faults: DatabaseFault[] = ['reset before', 'reset after', 'cut', 'server error']
  test.each(faults)(
    'is a 503 if the database fails, and is completed when repeated (%s)',
    async (fault) => {
      const visitor = await visitorWithSessions(150)
      rig.database.fault = (_, index) => (index === 1 ? fault : undefined)
      const problem = await problemOf(await erase(visitor))
      expect(problem).toMatchObject({ status: 503, code: 'database_unavailable' })
      await visitor.expect(204, 'DELETE', '/v1/me')
      expect((await stored(visitor)).sessions).toEqual([])
    },
  )
})

describe('a reply that is streaming', () => {
  test('while everything is erased leaves no row, and its client receives session_deleted', async () => {
    const visitor = await newVisitor(rig.url)
    const message = '[[fault pace ms=50]] write 400 words'
    const turns = [1, 2, 3].map(() => visitor.stream({ message }))
    const sessions = await vi.waitUntil(
      async () => {
        const { data } = await visitor.expect(200, 'GET', '/v1/sessions')
        return data.length === turns.length && data
      },
      { timeout: 20_000, interval: 50 },
    )
    await visitor.expect(204, 'DELETE', '/v1/me')
    for (const events of await Promise.all(turns))
      expect(events.at(-1)).toMatchObject({
        event: 'turn.failed',
        data: { code: 'session_deleted', retryable: false },
      })
    const ids: string[] = sessions.map(({ id }: { id: string }) => id)
    expect(await tablesWith(db, ...ids)).toEqual([])
  })

  test.for<[string, (visitor: Client, sessionId: string) => Promise<unknown>]>([
    ['its session is', (visitor, id) => visitor.expect(204, 'DELETE', `/v1/sessions/${id}`)],
    ['everything is', (visitor) => visitor.expect(204, 'DELETE', '/v1/me')],
  ])('counts with what it has cost, and no more, after %s erased', async ([, eraseIt]) => {
    const visitor = await newVisitor(rig.url)
    const message = '[[fault pace ms=50]] write 400 words'
    const turn = visitor.stream({ message })
    const session = await vi.waitUntil(
      async () => (await visitor.expect(200, 'GET', '/v1/sessions')).data[0],
      { timeout: 20_000, interval: 50 },
    )
    await eraseIt(visitor, session.id)
    await turn
    const [spent] = await db.kysely
      .selectFrom('spending')
      .selectAll()
      .where('payer', '=', userIdOf(visitor))
      .execute()
    const counted = Number(spent?.prompt_tokens) + Number(spent?.completion_tokens)
    expect(Number(spent?.prompt_tokens)).toBeGreaterThan(0)
    expect(spent).toMatchObject({ turns: 1, tokens: String(counted) })
  })
})
