import { sql } from 'kysely'
import type { Database } from '../../src/db/database.ts'

/** The tables that hold one of these texts anywhere in a row. */
export async function tablesWith({ kysely }: Database, ...texts: string[]): Promise<string[]> {
  const { rows: tables } = await sql<{ name: string }>`
select table_name as name from information_schema.tables
where table_schema = current_schema() and table_type = 'BASE TABLE' order by 1`.execute(kysely)
  const patterns = texts.map((text) => `%${text}%`)
  const found: string[] = []
  for (const { name } of tables) {
    const { rows } = await sql<{ found: boolean }>`
select exists (
  select from ${sql.table(name)} as stored where stored::text like any (${patterns}::text[])
) as found`.execute(kysely)
    if (rows[0]?.found) found.push(name)
  }
  return found
}
