import { readFile } from 'node:fs/promises'
import type { NeonQueryFunction } from '@neondatabase/serverless'
import { turn, type TurnForm } from '../turn-form.ts'
import {
  beginParameters,
  decisionOf,
  finishParameters,
  newOldTurn,
  type OldSql,
  runBatch,
} from './old-statements.ts'

const read = (name: string) => readFile(new URL(name, import.meta.url), 'utf8')

export const oldSchema = () => read('schema.sql')

export async function readOldSql(): Promise<OldSql> {
  const [begin, finish] = await Promise.all([read('begin-turn.sql'), read('finish-turn.sql')])
  return { begin, finish }
}

/** Batches of ad-hoc statements, as in commit 77e6131. */
export async function oldForm(sql: NeonQueryFunction<false, false>): Promise<TurnForm> {
  const text = await readOldSql()
  return {
    async begin(session) {
      const old = newOldTurn(session, turn.message)
      const begun = decisionOf(await runBatch(sql, text.begin, beginParameters(old)))
      return async () => {
        const results = await runBatch(sql, text.finish, finishParameters(old, begun.windowFrom))
        if (results[2]?.[0]?.['status'] !== 'complete')
          throw new Error('the old form did not store the reply')
      }
    },
  }
}
