import { expect, test } from 'vitest'
import * as column from '../../src/db/columns.ts'
import { listMessages } from '../../src/db/list-messages.ts'
import { messageBytes, sessionBytes } from '../../src/db/page-bytes.ts'
import { rateReply } from '../../src/db/rate-reply.ts'
import { rowsOf } from '../../src/db/rows-of.ts'
import { searchSessions } from '../../src/db/search-sessions.ts'
import { takeTurn, testDatabase } from '../rigs/conversation.ts'

const db = testDatabase()
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

const texts = {
  'plain text': 'Hello',
  'control characters': '\u0001\u0002\u001f'.repeat(100),
  'quotes, backslashes and line breaks': '"\\\n\r\t\b\f'.repeat(100),
  'characters of two to four bytes': 'é€한😀\u2028\u007f'.repeat(100),
}

test.each(Object.entries(texts))(
  'the sizes of a page are never less than it takes, and little more: %s',
  async (_, text) => {
    const metadata = { [text]: [text, 1.5, 1e21, { a: text }] }
    const { start } = await takeTurn(
      db,
      {
        userId: `user:${crypto.randomUUID()}${text.slice(0, 196)}`,
        title: text.slice(0, 196),
        content: text,
        contextText: text,
        metadata,
      },
      {
        content: text,
        finishReason: text,
        usage: { prompt_tokens: 2_000_000_000, completion_tokens: 2_000_000_000 },
      },
    )
    await rateReply(db, start, { rating: 'down', comment: text })
    const { userId, sessionId } = start
    const page = await listMessages(db, { userId, sessionId, limit: 10 })
    const found = await searchSessions(db, { userId, limit: 1 })
    const size = { bytes: column.integer }
    const [sizes, [session]] = await db.batch([
      rowsOf(size)`
select ${messageBytes} as bytes from messages where session_id = ${sessionId} order by seq`.compile(
        db.kysely,
      ),
      rowsOf(size)`select ${sessionBytes} as bytes from sessions where id = ${sessionId}`.compile(
        db.kysely,
      ),
    ])
    const lines = (page?.messages ?? []).map((message) =>
      bytesOf({ type: 'message', session_id: sessionId, ...message }),
    )
    expect(lines).toHaveLength(2)
    const taken = [...lines, bytesOf({ type: 'session', ...found.sessions[0] })]
    for (const [index, { bytes }] of [...sizes, session ?? { bytes: 0 }].entries()) {
      expect(bytes).toBeGreaterThanOrEqual(taken[index] ?? Infinity)
      expect(bytes).toBeLessThanOrEqual((taken[index] ?? 0) + 400)
    }
  },
)
