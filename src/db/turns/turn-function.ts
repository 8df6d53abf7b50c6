import { type SelectType, sql } from 'kysely'
import type { Column } from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'

/** The share of a call's time that it may wait for a lock: the database gives up before the Worker does. */
const lockShare = 0.9

/**
 * Calls a function of migrations/, which takes one JSON value and returns one value: a single query, so that Neon's proxy
 * needs two round trips to the compute instead of the ten of a batch.
 * @param result the type of what the function returns
 */
export async function callTurnFunction<Type>(
  db: Database,
  name: 'begin_turn' | 'checkpoint_turn' | 'finish_turn' | 'abandon_turn',
  request: object,
  { result, ...options }: { result: Column<Type>; timeoutMs?: number },
): Promise<SelectType<Type>> {
  const lockTimeoutMs = Math.ceil((options.timeoutMs ?? db.timeoutMs) * lockShare)
  const json = JSON.stringify({ ...request, lock_timeout_ms: lockTimeoutMs })
  const query = rowsOf({ result })`select ${sql.ref(name)}(${json}) as result`.compile(db.kysely)
  const [row] = await db.single(query, options)
  if (row === undefined) throw new Error(`${name} returned no row`)
  return row.result
}
