import { sql } from 'kysely'
import { describe, expect, test, vi } from 'vitest'
import { deleteSession } from '../../src/db/sessions.ts'
import type { ExportLine, Message, Session } from '../../src/protocol.ts'
import { type Client, newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import type { DatabaseFault } from '../rigs/database-proxy.ts'
import { exportAnswer, exportedData, lastCursor } from '../rigs/export-lines.ts'
import { fieldsOf, problemOf } from '../rigs/problem.ts'
import { seedSession } from '../rigs/seed-session.ts'
import { useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const db = testDatabase()
const { rig } = useRig()

/** A visitor with one session for each number of turns. */
async function seededVisitor(turns: readonly number[]) {
  const visitor = await newVisitor(rig.url)
  const userId = visitorIdOf(visitor.token ?? '')
  const ids = turns.map(() => crypto.randomUUID()).toSorted()
  for (const [index, sessionId] of ids.entries()) {
    const seeded = Array.from({ length: turns[index] ?? 0 }, () => ({
      status: 'complete' as const,
      tokens: 20,
    }))
    await seedSession(db, { userId, sessionId }, seeded)
  }
  rig.clear()
  return { visitor, userId, ids }
}

/** The caller's data as the other routes show them, in the export's order: sessions by id, messages by seq. */
async function shown(visitor: Client): Promise<ExportLine[]> {
  const { data: sessions } = await visitor.expect(200, 'GET', '/v1/sessions?limit=200')
  const lines: ExportLine[] = []
  for (const session of (sessions as Session[]).toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    lines.push({ type: 'session', ...session })
    const path = `/v1/sessions/${session.id}/messages?superseded=true&limit=200`
    const { data: messages } = await visitor.expect(200, 'GET', path)
    for (const message of messages as Message[])
      lines.push({ type: 'message', session_id: session.id, ...message })
  }
  return lines
}

const strange =
  'one\u2028two\u2029three\u0085four\r\nfive\u000b\u202eright to left \u0645\u0631\u062d\u0628\u0627 \u{1f469}\u200d\u{1f680} "quoted" \\ </script> \u{10ffff}'

describe('an export', () => {
  test('has everything that the other routes show, word for word', async () => {
    const visitor = await newVisitor(rig.url)
    const other = await newVisitor(rig.url)
    await other.chat({ message: 'Not theirs' })
    await visitor.expect(201, 'POST', '/v1/sessions', {
      title: strange,
      metadata: { [strange]: 1 },
    })
    await visitor.expect(201, 'POST', '/v1/sessions')
    const turn = {
      message: strange,
      context_text: strange,
      metadata: { page: strange },
      message_id: crypto.randomUUID(),
    }
    const { session_id, reply } = await visitor.chat(turn)
    const again = await visitor.chat({ ...turn, session_id, regenerate: reply.id })
    const feedback = { rating: 'up', comment: strange }
    const path = `/v1/sessions/${session_id}/messages/${again.reply.id}/feedback`
    await visitor.expect(200, 'PUT', path, feedback)
    await visitor.expect(502, 'POST', '/v1/chat', { session_id, message: '[[fault status]]' })
    rig.clear()

    const lines = await exportAnswer(visitor)
    const { messages } = exportedData(lines)
    expect(rig.timeline).toEqual(['database'])
    expect(lines.slice(0, -1)).toEqual(await shown(visitor))
    expect(messages.map(({ status }) => status)).toEqual([
      'complete',
      'superseded',
      'complete',
      'complete',
      'failed',
    ])
    expect(messages[0]).toMatchObject({ content: strange, context_text: strange })
    expect(messages[2]).toMatchObject({ feedback })
  })

  test('is a file of lines, whichever characters a reader takes for a line end', async () => {
    const visitor = await newVisitor(rig.url)
    await visitor.expect(201, 'POST', '/v1/sessions', { title: strange })
    const response = await visitor.request('GET', '/v1/export')
    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="[\w.-]+"$/)
    expect(response.headers.get('cache-control')).toContain('no-store')
    const text = await response.text()
    expect(text.split(/[\n\r\v\f\u0085\u2028\u2029]/)).toHaveLength(3)
    expect(text).toContain('\u202eright to left \u0645')
  })

  test('of a user who has nothing is only its end line', async () => {
    const lines = await exportAnswer(await newVisitor(rig.url))
    expect(lines).toEqual([{ type: 'end', sessions: 0, messages: 0 }])
  })

  test('is complete, in pages of one call each', async () => {
    const { visitor } = await seededVisitor([150, 0, 1, 500, 0, 100])
    const lines = await exportAnswer(visitor)
    const { sessions, messages } = exportedData(lines)
    expect([sessions.length, messages.length]).toEqual([6, 2 * 751])
    for (const { id } of sessions) {
      const seqs = messages.filter(({ session_id }) => session_id === id).map(({ seq }) => seq)
      expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    }
    // The two empty sessions are items too.
    expect(rig.database.calls).toHaveLength(Math.ceil((2 * 751 + 2) / 200))
  })
})

describe('an export that is longer than one answer may be', () => {
  test('continues from the cursor of its last line, within the calls that the platform allows', async () => {
    const { visitor, userId } = await seededVisitor([])
    const count = 9_500
    await sql`
insert into sessions (id, user_id) select gen_random_uuid(), ${userId} from generate_series(1, ${count}::integer)`.execute(
      db.kysely,
    )
    const first = await exportAnswer(visitor)
    expect(rig.database.calls.length).toBeLessThanOrEqual(45)
    expect(first.at(-1)?.type).toBe('more')
    const second = await exportAnswer(visitor, lastCursor(first))
    expect(exportedData([...first, ...second]).sessions).toHaveLength(count)
  }, 90_000)

  test('accepts only its own cursors', async () => {
    const visitor = await newVisitor(rig.url)
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const id = crypto.randomUUID()
    for (const cursor of [
      '',
      'x',
      '!!!',
      encode(null),
      encode({}),
      encode([id, 1, 2]),
      encode([id, -1, 0, 0]),
      encode([id, 2_147_483_648, 0, 0]),
      encode([id, 1.5, 0, 0]),
      encode([id, '1', 0, 0]),
      encode([`${id}'`, 1, 0, 0]),
      encode([id, 1, 0, 0, 0]),
      'a'.repeat(201),
    ]) {
      const response = await visitor.request('GET', `/v1/export?cursor=${cursor}`)
      const problem = await problemOf(response)
      expect(problem.status, cursor).toBe(400)
      expect(fieldsOf(problem)).toEqual(['cursor'])
    }
    expect(fieldsOf(await problemOf(await visitor.request('GET', '/v1/export?limit=1')))).toEqual([
      'limit',
    ])
    expect(rig.timeline).toEqual([])
  })

  test("gives nothing of another user for that user's cursor", async () => {
    const theirs = await seededVisitor([150, 150])
    const cursor = lastCursor(await exportAnswer(theirs.visitor))
    expect(cursor).toBeDefined()
    const mine = await seededVisitor([2, 0])
    const lines = await exportAnswer(mine.visitor, cursor)
    for (const line of lines)
      if (line.type === 'session') expect(mine.ids).toContain(line.id)
      else if (line.type === 'message') expect(mine.ids).toContain(line.session_id)
  })
})

describe('if the database fails during an export', () => {
  const faults: DatabaseFault[] = ['reset before', 'cut', 'lost connection after', 'server error']

  test.each(faults)('before the first page, the export is refused (%s)', async (fault) => {
    const { visitor } = await seededVisitor([150])
    rig.database.fault = () => fault
    const problem = await problemOf(await visitor.request('GET', '/v1/export'))
    expect(problem).toMatchObject({ status: 503, code: 'database_unavailable' })
  })

  test.each(faults)('once, the reader does not notice (%s)', async (fault) => {
    const { visitor } = await seededVisitor([150, 150])
    rig.database.fault = (_, index) => (index === 1 ? fault : undefined)
    expect(exportedData(await exportAnswer(visitor)).messages).toHaveLength(600)
    expect(rig.database.calls).toHaveLength(4)
  })

  test('for longer, the last line says so, and the export continues from its last cursor', async () => {
    const { visitor } = await seededVisitor([150, 150])
    rig.database.fault = (_, index) => (index > 0 ? 'reset before' : undefined)
    const lines = await exportAnswer(visitor)
    expect(lines.at(-1)).toMatchObject({
      type: 'error',
      code: 'database_unavailable',
      status: 503,
      request_id: expect.any(String),
    })
    await vi.waitUntil(() => rig.logs().some((line) => line.includes('"database_unavailable"')))
    rig.clear()
    const rest = await exportAnswer(visitor, lastCursor(lines))
    const both = [...lines.filter(({ type }) => type !== 'error'), ...rest]
    expect(exportedData(both).messages).toHaveLength(600)
  })
})

test('a session that is erased during an export ends there, and later sessions follow', async () => {
  const { visitor, userId, ids } = await seededVisitor([150, 150, 1])
  rig.database.fault = async (_, index) => {
    if (index === 1) for (const id of ids.slice(0, 2)) await deleteSession(db, userId, id)
    return undefined
  }
  const { sessions, messages } = exportedData(await exportAnswer(visitor))
  expect(sessions.map(({ id }) => id)).toEqual([ids[0], ids[2]])
  const counts = ids.map((id) => messages.filter(({ session_id }) => session_id === id).length)
  expect(counts).toEqual([200, 0, 2])
})
