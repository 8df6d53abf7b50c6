import { readdir } from 'node:fs/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import * as admin from '../../src/db/admin.ts'
import { claimSomeSessions } from '../../src/db/claim-sessions.ts'
import type { Database } from '../../src/db/database.ts'
import { eraseExpired } from '../../src/db/erasure/erase-expired.ts'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { pruneSpending } from '../../src/db/erasure/prune-spending.ts'
import { exportPage } from '../../src/db/export-page.ts'
import { listMessages } from '../../src/db/list-messages.ts'
import { findReply, findRunningReply } from '../../src/db/messages.ts'
import { rateReply } from '../../src/db/rate-reply.ts'
import { findReplyGrowth } from '../../src/db/reply-growth.ts'
import { appliedSchemaVersion } from '../../src/db/schema-version.ts'
import { type SessionSearch, searchSessions } from '../../src/db/search-sessions.ts'
import * as sessions from '../../src/db/sessions.ts'
import { spentToday } from '../../src/db/spending.ts'
import { abandonTurn } from '../../src/db/turns/abandon-turn.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { checkpointTurn, finishTurn } from '../../src/db/turns/finish-turn.ts'
import { findNextContext } from '../../src/db/turns/next-context.ts'
import { findReplyContext } from '../../src/db/turns/reply-context.ts'
import { stopTurn } from '../../src/db/turns/stop-turn.ts'
import { type Catalog, columnFaults, describeFields, readCatalog } from '../rigs/catalog.ts'
import { testDatabase, turnCheckpoint, turnEnd, turnStart } from '../rigs/conversation.ts'
import { databaseFunctions, workerSources } from '../rigs/database-functions.ts'
import { sentStatements } from '../rigs/sent-statements.ts'

const db = testDatabase()
const start = turnStart()
const { userId, sessionId } = start
const range = { userId, sessionId, limit: 50 }
const after = { lastActivity: '2026-01-01T00:00:00.000Z', id: sessionId }
const everyFilter: SessionSearch = {
  limit: 50,
  after,
  text: 'refund',
  userId,
  since: '2026-01-01T00:00:00.000Z',
  until: '2027-01-01T00:00:00.000Z',
  rating: 'down',
  status: 'interrupted',
}
const usage = { since: '2026-01-01', until: '2026-01-30', limit: 50 }

/** A function that calls the database, and its arguments after `db` for each variant of its SQL. */
function call<Args extends unknown[]>(
  run: (db: Database, ...args: Args) => Promise<unknown>,
  variants: Record<string, NoInfer<Args>>,
) {
  const file = run.name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const named = Object.entries(variants).map(([variant, args]) => ({
    name: variant === '' ? file : `${file}-${variant}`,
    send: (to: Database) => run(to, ...args),
  }))
  return { function: run.name, variants: named }
}

/** Every call of the Worker to the database, in an order in which each finds rows. */
const calls = [
  call(abandonTurn, { '': [turnStart(), { errorCode: 'database_unavailable' }] }),
  call(beginTurn, { '': [start] }),
  call(spentToday, { '': [start.payers] }),
  call(findRunningReply, { '': [{ userId, sessionId }] }),
  call(checkpointTurn, { '': [start, turnCheckpoint()] }),
  call(stopTurn, { '': [userId, sessionId] }),
  call(finishTurn, {
    '': [start, turnEnd(), { historyLimit: 0 }],
    'with-history': [start, turnEnd(), { historyLimit: 200 }],
  }),
  call(listMessages, {
    '': [range],
    before: [{ ...range, before: 9 }],
    after: [{ ...range, after: 0 }],
    superseded: [{ ...range, superseded: true }],
  }),
  call(findNextContext, { '': [start] }),
  call(findReplyContext, { '': [{ userId, sessionId, replyId: start.replyId }, 8] }),
  call(findReply, { '': [{ userId, sessionId, id: start.replyId }] }),
  call(findReplyGrowth, { '': [{ userId, sessionId, id: start.replyId }, 1] }),
  call(rateReply, { '': [start, { rating: 'up', comment: 'Clear' }] }),
  call(sessions.createSession, { '': [{ id: crypto.randomUUID(), userId }] }),
  call(sessions.findSession, { '': [userId, sessionId] }),
  call(sessions.listSessions, {
    '': [userId, { limit: 50 }],
    after: [userId, { limit: 50, after }],
  }),
  call(sessions.changeSession, { '': [userId, sessionId, { title: 'New', metadata: { a: [1] } }] }),
  call(searchSessions, {
    '': [{ limit: 50 }],
    filtered: [everyFilter],
    within: [{ ...everyFilter, after: { ...after, within: { seq: 9, found: 1 } } }],
  }),
  call(admin.findSessionUser, { '': [sessionId] }),
  call(admin.listUsage, {
    'by-day': [{ ...usage, by: 'day', userId }],
    'by-user': [{ ...usage, by: 'user' }],
  }),
  call(exportPage, { '': [userId, { sessionId, seq: 0 }] }),
  call(claimSomeSessions, { '': [{ visitorId: userId, userId: 'user:1' }] }),
  call(sessions.deleteSession, { '': [userId, sessionId] }),
  call(eraseSomeOfUser, { '': [userId] }),
  // With so many days, it erases nothing of other tests.
  call(eraseExpired, { '': [99_999, { after: sessionId, until: sessionId }] }),
  call(pruneSpending, {
    '': [{ shortDays: 99_999, otherDays: 99_999 }],
    'of-addresses': [{ shortDays: 99_999, otherDays: undefined }],
  }),
  call(appliedSchemaVersion, { '': [] }),
]

/** Statements without a timeout in the database: those of a turn bound their waits, the others read a row by its key. */
const untimed = [
  'abandon-turn',
  'begin-turn',
  'checkpoint-turn',
  'finish-turn',
  'finish-turn-with-history',
  'find-reply',
  'find-running-reply',
]

describe('each call is one round trip, with the SQL and the columns that were reviewed', () => {
  let catalog: Catalog
  beforeAll(async () => {
    catalog = await readCatalog(db)
  })

  test.each(calls.flatMap(({ variants }) => variants))('$name', async ({ name, send }) => {
    const trips = await sentStatements(db, send)
    expect(trips).toHaveLength(1)
    const statements = trips.flat()
    for (const { isTimed } of statements) expect(isTimed).toBe(!untimed.includes(name))
    const faults = statements.flatMap((statement) => columnFaults(statement, catalog))
    expect.soft(faults).toEqual([])
    const text = statements.map(({ sql, fields }) => {
      const columns = describeFields(fields, catalog).map((line) => `--   ${line}\n`)
      const returns = columns.length === 0 ? '' : `-- returns:\n${columns.join('')}`
      return `${sql.trim()};\n${returns}`
    })
    await expect(text.join('\n')).toMatchFileSnapshot(`queries/${name}.sql`)
  })
})

test('every function with which the Worker calls the database has a snapshot', async () => {
  const snapped = calls.map(({ function: name }) => name)
  expect(snapped.toSorted()).toEqual((await databaseFunctions()).toSorted())
})

test('every snapshot belongs to a call', async () => {
  const files = calls.flatMap(({ variants }) => variants.map(({ name }) => `${name}.sql`))
  expect((await readdir('test/db/queries')).toSorted()).toEqual(files.toSorted())
})

test('only src/db sends statements', async () => {
  const outside = (await workerSources()).filter(({ path }) => !path.startsWith('db/'))
  const sending = outside.filter(({ text }) => /\bkysely\b|\.batch\(/.test(text))
  expect(sending.map(({ path }) => path)).toEqual([])
})
