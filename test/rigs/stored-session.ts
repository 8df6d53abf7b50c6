import { expect } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import type { MessageRow } from '../../src/db/schema.ts'

/** All rows of a session, including superseded ones, read past the API. */
export function storedMessages({ kysely }: Database, sessionId: string): Promise<MessageRow[]> {
  return kysely
    .selectFrom('messages')
    .selectAll()
    .where('session_id', '=', sessionId)
    .orderBy('seq')
    .execute()
}

/** Expects what is true of every session at any time: no gap in `seq`, and a current reply to each message. */
export async function expectSound(db: Database, sessionId: string): Promise<MessageRow[]> {
  const rows = await storedMessages(db, sessionId)
  const session = await db.kysely
    .selectFrom('sessions')
    .select('next_seq')
    .where('id', '=', sessionId)
    .executeTakeFirst()
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1))
  expect(session?.next_seq).toBe(rows.length + 1)
  expect(rows.filter(({ status }) => status === 'streaming').length).toBeLessThanOrEqual(1)
  for (const { seq } of rows.filter(({ role }) => role === 'user')) {
    const replies = rows.filter(({ reply_to }) => reply_to === seq)
    const [current, ...newer] = replies.filter(({ status }) => status !== 'superseded')
    expect(current).toBeDefined()
    // A reply stands until a running one has ended.
    expect(newer.map(({ status }) => status)).toEqual(newer.slice(0, 1).map(() => 'streaming'))
    for (const reply of replies) expect(reply.seq).toBeGreaterThan(seq)
  }
  return rows
}
