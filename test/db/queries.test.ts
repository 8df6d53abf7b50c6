import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import * as admin from '../../src/db/admin.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { claimSomeSessions } from '../../src/db/claim-sessions.ts'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { eraseExpired } from '../../src/db/erasure/erase-expired.ts'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { exportPage } from '../../src/db/export-page.ts'
import { checkpointTurn, finishTurn } from '../../src/db/turns/finish-turn.ts'
import { findReply, listMessages } from '../../src/db/messages.ts'
import { rateReply } from '../../src/db/rate-reply.ts'
import { pruneSpending } from '../../src/db/erasure/prune-spending.ts'
import { appliedSchemaVersion } from '../../src/db/schema-version.ts'
import * as sessions from '../../src/db/sessions.ts'
import { spentToday } from '../../src/db/spending.ts'
import { stopTurn } from '../../src/db/turns/stop-turn.ts'
import { turnCheckpoint, turnEnd, turnStart } from '../rigs/conversation.ts'
import { type DatabaseProxy, startDatabaseProxy } from '../rigs/database-proxy.ts'

const start = turnStart()
const { userId, sessionId } = start
const range = { userId, sessionId, limit: 50 }
const after = { lastActivity: '2026-01-01T00:00:00.000Z', id: sessionId }
const everyFilter: admin.SessionSearch = {
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

/** Every call to the database that the Worker makes, by the name of its file in `queries/`. */
const calls: Record<string, (db: Database) => Promise<unknown>> = {
  'begin-turn': (db) => beginTurn(db, start),
  'spent-today': (db) => spentToday(db, start.payers),
  'checkpoint-turn': (db) => checkpointTurn(db, start, turnCheckpoint()),
  'finish-turn': (db) => finishTurn(db, start, turnEnd(), { historyLimit: 0 }),
  'finish-turn-with-history': (db) => finishTurn(db, start, turnEnd(), { historyLimit: 200 }),
  'list-messages': (db) => listMessages(db, range),
  'list-messages-before': (db) => listMessages(db, { ...range, before: 9 }),
  'list-messages-after': (db) => listMessages(db, { ...range, after: 9 }),
  'list-messages-superseded': (db) => listMessages(db, { ...range, superseded: true }),
  'find-reply': (db) => findReply(db, { userId, sessionId, id: start.replyId }),
  'rate-reply': (db) => rateReply(db, start, { rating: 'up', comment: 'Clear' }),
  'stop-turn': (db) => stopTurn(db, userId, sessionId),
  'create-session': (db) => sessions.createSession(db, { id: crypto.randomUUID(), userId }),
  'find-session': (db) => sessions.findSession(db, userId, sessionId),
  'list-sessions': (db) => sessions.listSessions(db, userId, { limit: 50 }),
  'list-sessions-after': (db) => sessions.listSessions(db, userId, { limit: 50, after }),
  'change-session': (db) =>
    sessions.changeSession(db, userId, sessionId, { title: 'New', metadata: {} }),
  'claim-sessions': (db) => claimSomeSessions(db, { visitorId: userId, userId: 'user:1' }),
  'delete-session': (db) => sessions.deleteSession(db, userId, sessionId),
  'admin-search-sessions': (db) => admin.searchSessions(db, { limit: 50 }),
  'admin-search-sessions-filtered': (db) => admin.searchSessions(db, everyFilter),
  'admin-find-session-user': (db) => admin.findSessionUser(db, sessionId),
  'admin-list-usage-by-day': (db) => admin.listUsage(db, { ...usage, by: 'day', userId }),
  'admin-list-usage-by-user': (db) => admin.listUsage(db, { ...usage, by: 'user' }),
  'erase-user': (db) => eraseSomeOfUser(db, userId),
  'export-page': (db) => exportPage(db, userId, { sessionId, seq: 9 }),
  // So long ago that it takes nothing from other tests.
  'erase-expired': (db) => eraseExpired(db, 99_999, { after: sessionId, until: sessionId }),
  'prune-spending': (db) => pruneSpending(db, { addressDays: 99_999, otherDays: 99_999 }),
  'prune-spending-of-addresses': (db) =>
    pruneSpending(db, { addressDays: 99_999, otherDays: undefined }),
  'applied-schema-version': appliedSchemaVersion,
}

describe('each call is one round trip, and its SQL is the one that was reviewed', () => {
  let proxy: DatabaseProxy
  let db: Database
  beforeAll(async () => {
    const { endpoint, connectionString } = inject('database')
    proxy = await startDatabaseProxy(endpoint)
    db = createDatabase({ connectionString, endpoint: proxy.url, timeoutMs: 20_000 })
  })
  afterAll(() => proxy.close())

  test.each(Object.entries(calls))('%s', async (name, call) => {
    proxy.clear()
    await call(db)
    expect(proxy.calls).toHaveLength(1)
    const text = proxy.calls[0]?.statements.map((sql) => `${sql.trim()};\n`).join('\n')
    await expect(text).toMatchFileSnapshot(`queries/${name}.sql`)
  })
})
