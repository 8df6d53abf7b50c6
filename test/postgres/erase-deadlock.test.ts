import { Client } from 'pg'
import { expect, inject, test, vi } from 'vitest'
import { turnOverheadTokens } from '../../src/chat/context-window.ts'
import { beginTurn } from '../../src/db/begin-turn.ts'
import { deleteSession } from '../../src/db/sessions.ts'
import { finish, takeTurn, testDatabase, turnStart } from '../helpers/conversation.ts'
import { storedMessages } from '../helpers/stored-session.ts'

const db = testDatabase()

/** Which finish writes two rows: that of the reply and, since the provider's usage tells its tokens, the message's. */
async function twoTurns() {
  const usage = { prompt_tokens: 20, completion_tokens: 5 }
  const { start } = await takeTurn(db, {}, { usage, toldReplyTokens: 5 })
  const { userId, sessionId } = start
  const running = turnStart({ userId, sessionId })
  await beginTurn(db, running)
  const told = { prompt_tokens: 20 + 5 + turnOverheadTokens + 7, completion_tokens: 5 }
  const store = () => finish(db, running, { usage: told, toldReplyTokens: 5 })
  return { userId, sessionId, store }
}

async function messageTokens(sessionId: string) {
  return (await storedMessages(db, sessionId))[2]?.token_count
}

test("an erase and a finish never wait for each other's rows", async () => {
  const before = await twoTurns()
  await before.store()
  expect(await messageTokens(before.sessionId)).toBe(7)

  const other = new Client(inject('database').connectionString)
  await other.connect()
  try {
    for (let round = 0; round < 4; round += 1) {
      const { userId, sessionId, store } = await twoTurns()
      await other.query('begin')
      await other.query('select from messages where session_id = $1 and seq = 3 for update', [
        sessionId,
      ])
      // The erase waits for the message's row first: a finish that had the reply's row by then would hold it up for ever.
      const erased = deleteSession(db, userId, sessionId)
      await waitersFor(other, 1)
      const finished = store()
      await waitersFor(other, 2)
      await other.query('commit')
      expect(await erased).toBe(true)
      expect(await finished).toEqual({ outcome: 'session_deleted' })
      expect(await storedMessages(db, sessionId)).toEqual([])
    }
  } finally {
    await other.end()
  }
})

/** Resolves once so many connections wait for this one, or for one that does. */
async function waitersFor(client: Client, count: number): Promise<void> {
  const text = `
with recursive waiting as materialized (
  select distinct pid, pg_blocking_pids(pid) as blockers from pg_locks where not granted
), blocked as (
  select pg_backend_pid() as pid
  union
  select waiting.pid from waiting join blocked on blocked.pid = any (blockers)
)
select count(*)::integer - 1 as waiters from blocked`
  await vi.waitUntil(async () => (await client.query(text)).rows[0].waiters >= count, {
    timeout: 10_000,
    interval: 10,
  })
}
