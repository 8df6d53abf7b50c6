import { describe, expect, test } from 'vitest'
import { type ExportItem, exportPage, exportStart } from '../../src/db/export-page.ts'
import { limits } from '../../src/limits.ts'
import { newUserId, testDatabase } from '../rigs/conversation.ts'
import { type SeededTurn, seedSession } from '../rigs/seed-session.ts'

const db = testDatabase()
const turn: SeededTurn = { status: 'complete', tokens: 20 }

/** A user with one session for each number of turns, ordered by id. */
async function userWith(...turns: number[]) {
  const userId = newUserId()
  const ids = turns.map(() => crypto.randomUUID()).toSorted()
  for (const [index, sessionId] of ids.entries())
    await seedSession(
      db,
      { userId, sessionId },
      Array.from({ length: turns[index] ?? 0 }, () => turn),
    )
  return { userId, ids }
}

/** All pages of a user, one after the other. */
async function exported(userId: string): Promise<ExportItem[][]> {
  const pages: ExportItem[][] = []
  for (let after = exportStart, more = true; more;) {
    const { items, next } = await exportPage(db, userId, after)
    pages.push(items)
    more = next !== undefined
    after = next ?? after
  }
  return pages
}

const seqsOf = (items: readonly ExportItem[], id: string) =>
  items.flatMap(({ sessionId, message }) => (sessionId === id && message ? [message.seq] : []))
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

describe('the pages of an export', () => {
  test('are full, and have each session and each message once, in order', async () => {
    const { userId, ids } = await userWith(130, 0, 0, 99, 0, 80, 1)
    const pages = await exported(userId)
    expect(pages.map(({ length }) => length)).toEqual([200, 200, 200, 23])
    const items = pages.flat()
    const sessions = items.flatMap(({ session }) => session?.id ?? [])
    expect(sessions).toEqual(ids)
    const counts = [260, 0, 0, 198, 0, 160, 2]
    for (const [index, id] of ids.entries())
      expect(seqsOf(items, id)).toEqual(upTo(counts[index] ?? 0))
  })

  test('are cut at 1 MiB of text, but never empty', async () => {
    const { userId, ids } = await userWith(2, 1)
    const content = 'x'.repeat(limits.historyBytes / 2 + 1)
    await db.kysely
      .updateTable('messages')
      .set({ content })
      .where('session_id', 'in', ids)
      .execute()
    const pages = await exported(userId)
    expect(pages.map(({ length }) => length)).toEqual([1, 1, 1, 1, 1, 1])
    expect(pages.flat().map(({ session }) => session !== undefined)).toEqual([
      true,
      false,
      false,
      false,
      true,
      false,
    ])
  })

  test('continue after messages that the owner deleted by hand', async () => {
    const { userId, ids } = await userWith(300, 3)
    const [first = '', second = ''] = ids
    const erase = (id: string, from: number, to: number) =>
      db.kysely
        .deleteFrom('messages')
        .where('session_id', '=', id)
        .where('seq', '>=', from)
        .where('seq', '<=', to)
        .execute()
    await erase(first, 11, 300)
    await erase(first, 311, 600)
    await erase(second, 1, 2)
    const items = (await exported(userId)).flat()
    expect(seqsOf(items, first)).toEqual([...upTo(10), ...upTo(10).map((seq) => seq + 300)])
    expect(seqsOf(items, second)).toEqual([3, 4, 5, 6])
    expect(items.flatMap(({ session }) => session?.id ?? [])).toEqual(ids)
  })
})
