import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { eraseExpired } from '../../src/db/erasure/erase-expired.ts'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { deleteSession } from '../../src/db/sessions.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { turnOverheadTokens } from '../../src/turn/prompt/window.ts'
import { expireLease, finish, takeTurn, testDatabase, turnStart } from '../rigs/conversation.ts'
import { rangeOf } from '../rigs/range-of.ts'
import { storedMessages } from '../rigs/stored-session.ts'
import { waitersFor } from '../rigs/waiters-for.ts'

const db = testDatabase()

/** The finish of the second turn writes two rows: the reply and, by the provider's usage, the tokens of the message. */
async function twoTurns() {
  const usage = { prompt_tokens: 20, completion_tokens: 5 }
  const { start } = await takeTurn(db, {}, { usage, reportedReplyTokens: 5 })
  const { userId, sessionId } = start
  const running = turnStart({ userId, sessionId })
  await beginTurn(db, running)
  // Nothing is erased for its age while its lease lasts; a late finish still counts.
  await expireLease(db, running)
  const told = { prompt_tokens: 20 + 5 + turnOverheadTokens + 7, completion_tokens: 5 }
  const store = () => finish(db, running, { usage: told, reportedReplyTokens: 5 })
  return { userId, sessionId, store }
}

async function messageTokens(sessionId: string) {
  return (await storedMessages(db, sessionId))[2]?.token_count
}

const erasures: Record<string, (userId: string, sessionId: string) => Promise<unknown>> = {
  'of a session': (userId, sessionId) => deleteSession(db, userId, sessionId),
  'of a user': (userId) => eraseSomeOfUser(db, userId),
  'for its age': (_, sessionId) => eraseExpired(db, 0, rangeOf(sessionId)),
}

test.each(Object.entries(erasures))(
  "an erase %s and a finish never wait for each other's rows",
  async (_, erase) => {
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
        // The erase waits for the message's row. It would deadlock with a finish that had locked the reply's row first.
        const erased = erase(userId, sessionId)
        await waitersFor(other, 1)
        const finished = store()
        await waitersFor(other, 2)
        await other.query('commit')
        await erased
        expect(await finished).toEqual({ outcome: 'session_deleted' })
        expect(await storedMessages(db, sessionId)).toEqual([])
      }
    } finally {
      await other.end()
    }
  },
)
