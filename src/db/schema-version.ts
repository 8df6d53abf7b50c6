import type { Database } from './database.ts'

/** The number of the newest migration that was applied; 0 where none was. */
export async function appliedSchemaVersion({ kysely }: Database): Promise<number> {
  const { version } = await kysely
    .selectFrom('schema_migrations')
    .select(({ fn }) => fn.max('version').as('version'))
    .executeTakeFirstOrThrow()
  return version ?? 0
}
