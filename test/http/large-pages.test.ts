import { sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { exportAnswer, exportedData, lastCursor } from '../rigs/export-lines.ts'
import { useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

/** Rows of which a page of 200 passes what Neon answers at most (10 MiB): they may be older than the limit on metadata. */
const ADMIN_TOKEN = 'an-admin-token-of-forty-characters-or-so'
const db = testDatabase()
const { rig } = useRig({ ADMIN_TOKEN })
const owner = createClient(() => rig.url, ADMIN_TOKEN)

/** 4 KiB as they were sent, 190 KB as they are stored. */
const wideMetadata = JSON.stringify({ a: Array.from({ length: 583 }, () => 5e-324) })
/** Each of its characters takes 6 bytes in JSON. */
const controls = '\u0001'.repeat(limits.messageChars)

let visitor: Client
let userId: string
beforeAll(async () => {
  visitor = await newVisitor(rig.url)
  userId = visitorIdOf(visitor.token ?? '')
})

interface Sizes {
  metadata?: string
  text?: string
}

/** Writes sessions of the visitor, each with so many messages. @returns their ids */
async function seed(
  sessions: number,
  messages: number,
  { metadata = '{}', text = 'Hello' }: Sizes,
) {
  const ids = Array.from({ length: sessions }, () => crypto.randomUUID()).toSorted()
  await sql`
insert into sessions (id, user_id, title, metadata, next_seq, created_at)
select id::uuid, ${userId}, ${text.slice(0, limits.titleChars)}, ${metadata}::jsonb, ${messages + 1}::integer,
  statement_timestamp() - place * interval '7 minutes'
from unnest(${ids}::text[]) with ordinality as session (id, place)`.execute(db.kysely)
  await sql`
insert into messages (session_id, id, seq, role, status, content, context_text, metadata, token_count)
select id::uuid, gen_random_uuid(), seq, 'user', 'complete', ${text}, ${text}, ${metadata}::jsonb, 1
from unnest(${ids}::text[]) id, generate_series(1, ${messages}::integer) seq`.execute(db.kysely)
  return ids
}

interface Page {
  data: { id: string; seq: number }[]
  has_more: boolean
  next_cursor: string | null
}

/** The items of the pages of a list, each of which is at most 1 MiB, and not empty before the end. */
async function readAll(client: Client, path: string, parameter: string, first?: string) {
  const pages: Page['data'][] = []
  for (let cursor: string | null | undefined = first; cursor !== null;) {
    const url = new URL(path, rig.url)
    url.searchParams.set('limit', '200')
    if (cursor !== undefined) url.searchParams.set(parameter, cursor)
    const response = await client.request('GET', `${url.pathname}${url.search}`)
    const text = await response.text()
    expect(response.status, text.slice(0, 500)).toBe(200)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limits.historyBytes)
    const page = JSON.parse(text) as Page
    expect(page.has_more).toBe(page.next_cursor !== null)
    if (page.has_more) expect(page.data).not.toEqual([])
    pages.push(page.data)
    cursor = page.next_cursor
  }
  return pages
}

const sizes: [string, Sizes][] = [
  ['metadata of 190 KB', { metadata: wideMetadata }],
  ['texts of control characters', { text: controls }],
]

describe.each(sizes)(
  'with %s, every page stays within 1 MiB and nothing is lost or repeated',
  (_, size) => {
    let sessions: string[]
    let session: string
    beforeAll(async () => {
      await visitor.expect(204, 'DELETE', '/v1/me')
      sessions = await seed(60, 1, size)
      session = (await seed(1, 60, size))[0] ?? ''
      sessions.push(session)
      rig.clear()
    })

    const ofUser = () => `user_id=${encodeURIComponent(userId)}`

    test.each([
      ["a user's sessions", () => visitor, () => '/v1/sessions'],
      ["the owner's sessions", () => owner, () => `/v1/admin/sessions?${ofUser()}`],
      ["the owner's search", () => owner, () => `/v1/admin/sessions?status=complete&${ofUser()}`],
    ])('in %s', async (_name, client, path) => {
      const listed = (await readAll(client(), path(), 'cursor')).flat().map(({ id }) => id)
      expect(listed.toSorted()).toEqual(sessions.toSorted())
    })

    test.each([
      ['messages, newest first', () => visitor, '/v1/sessions', 'before', undefined],
      ['messages, oldest first', () => visitor, '/v1/sessions', 'after', '0'],
      ["the owner's transcript", () => owner, '/v1/admin/sessions', 'before', undefined],
    ])('in %s', async (_name, client, root, parameter, first) => {
      const pages = await readAll(client(), `${root}/${session}/messages`, parameter, first)
      expect(pages.length).toBeGreaterThan(1)
      const seqs = (parameter === 'after' ? pages : pages.toReversed()).flat().map(({ seq }) => seq)
      expect(seqs).toEqual(Array.from({ length: 60 }, (_each, index) => index + 1))
    })

    test('in an export', async () => {
      const lines = await exportAnswer(visitor)
      while (lines.at(-1)?.type === 'more')
        lines.push(...(await exportAnswer(visitor, lastCursor(lines))))
      const { sessions: exported, messages } = exportedData(lines)
      expect(exported.map(({ id }) => id).toSorted()).toEqual(sessions.toSorted())
      expect(messages).toHaveLength(120)
      const page = lines.slice(
        0,
        lines.findIndex(({ type }) => type === 'more'),
      )
      const bytes = page.reduce((sum, line) => sum + Buffer.byteLength(JSON.stringify(line)) + 1, 0)
      expect(bytes).toBeLessThanOrEqual(limits.historyBytes)
      for (const call of rig.database.calls)
        expect(call.bytes).toBeLessThan(4 * limits.historyBytes)
    })
  },
)
