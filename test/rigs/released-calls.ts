import { readdir, readFile } from 'node:fs/promises'
import type { CompiledQuery } from 'kysely'
import type { Database } from '../../src/db/database.ts'
import { listMessages } from '../../src/db/list-messages.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { checkpointTurn, finishTurn } from '../../src/db/turns/finish-turn.ts'
import { turnCheckpoint, turnEnd, turnStart } from './conversation.ts'
import { callOf } from './database-calls.ts'

/** The calls that a Worker sends for one turn, by their names: the statements of each, with their parameters. */
export type ReleasedCalls = Record<ReleasedCall, { sql: string; parameters: unknown[] }[]>
export type ReleasedCall = 'begin' | 'checkpoint' | 'finish' | 'history'

const folder = new URL('../db/released-calls/', import.meta.url)
/** The one session of the recorded calls. */
const userId = 'visitor:released'
const id = (digit: number) => `00000000-0000-4000-8000-00000000000${digit}`

/** The present Worker's calls, in the form of the files in released-calls. */
export async function presentCalls(db: Database): Promise<ReleasedCalls> {
  const ids = { sessionId: id(1), messageId: id(2), replyId: id(3), lease: id(4) }
  const start = turnStart({
    userId,
    ...ids,
    payers: [{ kind: 'user', name: userId, maxTokens: 1_000_000 }],
  })
  const content = 'Hi there'
  const usage = { prompt_tokens: 20, completion_tokens: 2 }
  const end = turnEnd({ content, usage, reportedReplyTokens: 2 })
  const calls = {
    begin: await callOf(db, (to) => beginTurn(to, start)),
    checkpoint: await callOf(db, (to) =>
      checkpointTurn(to, start, turnCheckpoint({ content: 'Hi' })),
    ),
    finish: await callOf(db, (to) => finishTurn(to, start, end, { historyLimit: 10 })),
    history: await callOf(db, (to) =>
      listMessages(to, { userId, sessionId: ids.sessionId, limit: 10 }),
    ),
  }
  return JSON.parse(JSON.stringify(calls)) as ReleasedCalls
}

/** The file that holds the calls of the Workers for a schema version. */
export function releasedCallsFile(schemaVersion: number): URL {
  return new URL(`schema-${schemaVersion}.json`, folder)
}

/** Every release whose calls are checked in, by its file's name. */
export async function releases(): Promise<[name: string, calls: ReleasedCalls][]> {
  const names = await readdir(folder)
  return Promise.all(
    names.map(async (name): Promise<[string, ReleasedCalls]> => [
      name,
      JSON.parse(await readFile(new URL(name, folder), 'utf8')) as ReleasedCalls,
    ]),
  )
}

/** Sends the calls of one turn, in a session of their own. */
export function replay(db: Database, calls: ReleasedCalls) {
  const run = crypto.randomUUID().slice(0, 8)
  const mine = (value: unknown) =>
    typeof value === 'string'
      ? value
          .replaceAll('00000000-0000-4000-8000', `${run}-0000-4000-8000`)
          .replaceAll(userId, `visitor:${run}`)
      : value
  return async (name: ReleasedCall): Promise<Record<string, unknown>[]> => {
    const queries = calls[name].map(({ sql, parameters }) => ({
      sql,
      parameters: parameters.map((value) => (Array.isArray(value) ? value.map(mine) : mine(value))),
    }))
    const results = await db.batch(queries as unknown as CompiledQuery<Record<string, unknown>>[])
    return results.flat()
  }
}
