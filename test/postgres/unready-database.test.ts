import { readFile } from 'node:fs/promises'
import { afterEach, expect, test } from 'vitest'
import { createDatabase } from '../../src/db/database.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { finishTurn } from '../../src/db/turns/finish-turn.ts'
import { turnEnd, turnStart } from '../rigs/conversation.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'

let own: TestDatabase | undefined
afterEach(() => own?.close())

/** The errors that refuse a turn's calls. */
async function refusals({ connectionString, endpoint }: TestDatabase): Promise<unknown[]> {
  const db = createDatabase({ connectionString, endpoint, timeoutMs: 20_000 })
  const start = turnStart()
  const calls = [beginTurn(db, start), finishTurn(db, start, turnEnd(), { historyLimit: 0 })]
  const results = await Promise.allSettled(calls)
  return results.map((result) => (result.status === 'rejected' ? result.reason : result.value))
}

test('a role that does not use READ COMMITTED is named, as a turn would not see what its lock waited for', async () => {
  own = await startDatabase('postgres')
  await own.migrate()
  await own.exec("alter role postgres set default_transaction_isolation to 'repeatable read'")
  const misconfigured = {
    code: 'misconfigured',
    options: { members: { settings: [{ name: 'DATABASE_URL' }] } },
  }
  expect(await refusals(own)).toMatchObject([misconfigured, misconfigured])
})

test("a database that has the tables and not the turn's functions wants its migrations", async () => {
  own = await startDatabase('postgres')
  for (const file of ['0001_sessions_and_messages.sql', '0002_spending_and_feedback.sql'])
    await own.exec(await readFile(`migrations/${file}`, 'utf8'))
  const outdated = { code: 'schema_outdated' }
  expect(await refusals(own)).toMatchObject([outdated, outdated])
})
