import { sql } from 'kysely'
import type { Database } from '../database.ts'

/**
 * Calls a function of migrations/, which takes and returns one JSON value: a single query, so that Neon's proxy needs
 * two round trips to the compute instead of the ten of a batch.
 */
export async function callTurnFunction<Result>(
  db: Database,
  name: 'begin_turn' | 'checkpoint_turn' | 'finish_turn',
  request: object,
  options?: { timeoutMs?: number },
): Promise<Result> {
  const json = JSON.stringify(request)
  const query = sql<{ result: Result }>`select ${sql.ref(name)}(${json}) as result`.compile(
    db.kysely,
  )
  const [[row]] = await db.batch([query], options)
  if (row === undefined) throw new Error(`${name} returned no row`)
  return row.result
}
