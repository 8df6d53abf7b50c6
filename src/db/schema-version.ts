import { Problem } from '../errors.ts'
import type { Database } from './database.ts'

/** The number of the newest migration that was applied; 0 if none was. */
export async function appliedSchemaVersion({ kysely }: Database): Promise<number> {
  try {
    const { version } = await kysely
      .selectFrom('schema_migrations')
      .select(({ fn }) => fn.max('version').as('version'))
      .executeTakeFirstOrThrow()
    return version ?? 0
  } catch (error) {
    // The first migration run creates the table.
    if (error instanceof Problem && error.code === 'schema_outdated') return 0
    throw error
  }
}
