import { sql } from 'kysely'
import type { Database } from '../../src/db/database.ts'

/** A value of the database, and the column where it is. */
export interface StoredValue {
  /** `table.column` */
  column: string
  text: string
}

/** Every value of every table. */
export async function dumpTables({ kysely }: Database): Promise<StoredValue[]> {
  const { rows: tables } = await sql<{ schema: string; name: string }>`
select table_schema as schema, table_name as name from information_schema.tables
where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`.execute(
    kysely,
  )
  const values: StoredValue[] = []
  for (const { schema, name } of tables) {
    const { rows } = await sql<{ stored: Record<string, unknown> }>`
select to_jsonb(t) as stored from ${sql.table(`${schema}.${name}`)} t`.execute(kysely)
    for (const { stored } of rows)
      for (const [column, value] of Object.entries(stored))
        values.push({ column: `${name}.${column}`, text: JSON.stringify(value) })
  }
  return values
}
