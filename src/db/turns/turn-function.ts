import { type SelectType, sql } from 'kysely'
import type { Column } from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'

/**
 * Calls a function of migrations/, which takes one JSON value and returns one value: a single query, so that Neon's proxy
 * needs two round trips to the compute instead of the ten of a batch.
 * @param result the type of what the function returns
 */
export async function callTurnFunction<Type>(
  db: Database,
  name: 'begin_turn' | 'checkpoint_turn' | 'finish_turn',
  request: object,
  { result, ...options }: { result: Column<Type>; timeoutMs?: number },
): Promise<SelectType<Type>> {
  const json = JSON.stringify(request)
  const query = rowsOf({ result })`select ${sql.ref(name)}(${json}) as result`.compile(db.kysely)
  const [row] = await db.single(query, options)
  if (row === undefined) throw new Error(`${name} returned no row`)
  return row.result
}
