import { describe, expect, test } from 'vitest'
import { listMessages } from '../../src/db/list-messages.ts'
import {
  changeSession,
  createSession,
  deleteSession,
  findSession,
  listSessions,
} from '../../src/db/sessions.ts'
import { limits } from '../../src/limits.ts'
import { newUserId, takeTurn, testDatabase, turnStart } from '../rigs/conversation.ts'

const db = testDatabase()

async function sessionOf(userId: string, change = {}) {
  return createSession(db, { id: crypto.randomUUID(), userId, ...change })
}

describe('a session', () => {
  test('is created for a user with title and metadata', async () => {
    const userId = newUserId()
    const metadata = { source: 'docs', tags: ['a', 'b'] }
    const session = await sessionOf(userId, { title: 'Hello', metadata })
    expect(session).toEqual({
      id: session.id,
      title: 'Hello',
      metadata,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      last_message_at: null,
    })
    expect(await findSession(db, userId, session.id)).toEqual(session)
  })

  test('of another user is not found, whatever is done with it', async () => {
    const owner = newUserId()
    const other = newUserId()
    const { id } = await sessionOf(owner, { title: 'Mine' })
    expect(await findSession(db, other, id)).toBeUndefined()
    expect(await changeSession(db, other, id, { title: 'Theirs' })).toBeUndefined()
    expect(await deleteSession(db, other, id)).toBeUndefined()
    expect(await listMessages(db, { userId: other, sessionId: id, limit: 10 })).toBeUndefined()
    expect(await findSession(db, owner, id)).toMatchObject({ title: 'Mine' })
  })

  test('changes only the named fields', async () => {
    const userId = newUserId()
    const { id } = await sessionOf(userId, { title: 'Old', metadata: { a: 1 } })
    expect(await changeSession(db, userId, id, { title: 'New' })).toMatchObject({
      title: 'New',
      metadata: { a: 1 },
    })
    expect(await changeSession(db, userId, id, { metadata: {} })).toMatchObject({
      title: 'New',
      metadata: {},
    })
  })

  test('keeps the title it was given; without one, it takes the title from its first message', async () => {
    for (const [title, expected] of [
      ['Given', 'Given'],
      [undefined, 'First line'],
    ]) {
      const userId = newUserId()
      const { id } = await sessionOf(userId, { title })
      await takeTurn(db, { userId, sessionId: id, createSession: false, title: 'First line' })
      expect(await findSession(db, userId, id)).toMatchObject({ title: expected })
    }
  })

  test('that is erased takes its messages with it', async () => {
    const { start } = await takeTurn(db)
    expect(await deleteSession(db, start.userId, start.sessionId)).toBeDefined()
    const left = await db.kysely
      .selectFrom('messages')
      .select('seq')
      .where('session_id', '=', start.sessionId)
      .execute()
    expect(left).toEqual([])
    expect(await deleteSession(db, start.userId, start.sessionId)).toBeUndefined()
  })
})

describe("a user's sessions", () => {
  test('come latest activity first, and a message makes its session the latest', async () => {
    const userId = newUserId()
    const first = await sessionOf(userId)
    const second = await sessionOf(userId)
    const ids = async () =>
      (await listSessions(db, userId, { limit: 10 })).sessions.map(({ id }) => id)
    await takeTurn(db, { userId, sessionId: second.id })
    expect(await ids()).toEqual([second.id, first.id])
    await takeTurn(db, { userId, sessionId: first.id })
    expect(await ids()).toEqual([first.id, second.id])
    const latest = await listSessions(db, userId, { limit: 1 })
    expect(latest.sessions).toMatchObject([{ id: first.id }])
  })

  test('come in pages without a gap or a duplicate, even if times are equal', async () => {
    const userId = newUserId()
    const rows = Array.from({ length: 7 }, (_, index) => ({
      id: crypto.randomUUID(),
      user_id: userId,
      metadata: '{}',
      created_at: `2026-01-0${1 + Math.floor(index / 3)}T00:00:00.123Z`,
    }))
    await db.kysely.insertInto('sessions').values(rows).execute()
    const seen: string[] = []
    let after: Awaited<ReturnType<typeof listSessions>>['next']
    do {
      const page = await listSessions(db, userId, { limit: 2, after })
      seen.push(...page.sessions.map(({ id }) => id))
      after = page.next
    } while (after !== undefined)
    expect(seen).toHaveLength(7)
    expect(new Set(seen).size).toBe(7)
  })
})

describe("a session's messages", () => {
  async function sessionOfTurns(count: number, content = 'Hi') {
    const { userId, sessionId } = turnStart()
    for (let turn = 0; turn < count; turn += 1)
      await takeTurn(db, { userId, sessionId }, { content })
    return { userId, sessionId }
  }
  const seqs = (page: Awaited<ReturnType<typeof listMessages>>) =>
    page?.messages.map(({ seq }) => seq)

  test('come newest page first, oldest first in the page, in both directions', async () => {
    const range = await sessionOfTurns(4)
    const newest = await listMessages(db, { ...range, limit: 3 })
    expect([seqs(newest), newest?.hasMore]).toEqual([[6, 7, 8], true])
    const older = await listMessages(db, { ...range, limit: 3, before: 6 })
    expect([seqs(older), older?.hasMore]).toEqual([[3, 4, 5], true])
    const oldest = await listMessages(db, { ...range, limit: 3, before: 3 })
    expect([seqs(oldest), oldest?.hasMore]).toEqual([[1, 2], false])
    const after = await listMessages(db, { ...range, limit: 3, after: 3 })
    expect([seqs(after), after?.hasMore]).toEqual([[4, 5, 6], true])
    const last = await listMessages(db, { ...range, limit: 3, after: 6 })
    expect([seqs(last), last?.hasMore]).toEqual([[7, 8], false])
    expect(seqs(await listMessages(db, { ...range, limit: 3, after: 8 }))).toEqual([])
  })

  test('come in pages of at most 1 MiB of text, with at least one message', async () => {
    const range = await sessionOfTurns(3, 'x'.repeat(limits.historyBytes / 2))
    const newest = await listMessages(db, { ...range, limit: 200 })
    expect([seqs(newest), newest?.hasMore]).toEqual([[4, 5, 6].slice(1), true])
    const big = await sessionOfTurns(2, 'x'.repeat(limits.historyBytes + 1))
    expect(seqs(await listMessages(db, { ...big, limit: 200 }))).toEqual([4])
    expect(seqs(await listMessages(db, { ...big, limit: 200, before: 4 }))).toEqual([3])
  })
})
