import { once } from 'node:events'
import http from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { exportedData, parseLines } from '../rigs/export-lines.ts'
import { seedSession } from '../rigs/seed-session.ts'
import { useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

/** Each message fills a page. All together are far more than the buffers between two sockets hold. */
const pages = 32
const db = testDatabase()
const { rig, visitor } = useRig()
beforeAll(async () => {
  const session = { userId: visitorIdOf(visitor.token ?? ''), sessionId: crypto.randomUUID() }
  const turn = { status: 'complete', tokens: 20 } as const
  await seedSession(
    db,
    session,
    Array.from({ length: pages / 2 }, () => turn),
  )
  await sql`
update messages set content = repeat('x', ${limits.historyBytes}::integer)
where session_id = ${session.sessionId}`.execute(db.kysely)
}, 90_000)
afterAll(async () => {
  await visitor.expect(204, 'DELETE', '/v1/me')
})

/** Begins an export without reading the answer. */
async function beginExport() {
  const headers = { authorization: `Bearer ${visitor.token}` }
  const request = http.get(`${rig.url}/v1/export`, { headers, agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return { request, response }
}

const pagesRead = () =>
  rig.database.calls.filter(({ statements }) => statements[0]?.includes('items_left')).length

/** Gives a Worker that does not wait for its reader enough time, measured in other requests. */
async function meanwhile() {
  for (let count = 0; count < 100; count += 1) await visitor.expect(200, 'GET', '/v1/sessions')
}

test('an export waits for a slow reader, and loses nothing', async () => {
  const { response } = await beginExport()
  await meanwhile()
  expect(pagesRead()).toBeLessThan(pages / 2)
  const { messages } = exportedData(parseLines(await readText(response)))
  expect(messages).toHaveLength(pages)
  for (const { content } of messages) expect(content).toHaveLength(limits.historyBytes)
  expect(pagesRead()).toBe(pages)
}, 90_000)

test('an export ends when its reader disconnects: no more pages are read', async () => {
  const { request } = await beginExport()
  request.destroy()
  await meanwhile()
  expect(pagesRead()).toBeLessThan(pages / 2)
}, 90_000)
