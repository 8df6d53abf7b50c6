import type { MigrationClient } from './migration-client.ts'

/**
 * Gives each file the same session, whatever the role's defaults are and the file before it has set.
 *
 * - A migration that waits for a table's lock makes every later query on that table wait behind it: 10 s, then it
 *   gives up. A file may allow itself longer by `set local lock_timeout`.
 * - A statement of its own may take as long as it needs, also where the role has a limit for the Worker's queries.
 * - A migrator that is killed or cut off frees its locks within seconds, also in the middle of a long statement.
 */
export async function prepareSession(client: MigrationClient): Promise<void> {
  await restoreSession(client)
  await client.query(
    `select
      set_config('lock_timeout', '10s', false),
      set_config('statement_timeout', '0', false),
      set_config('idle_in_transaction_session_timeout', '60s', false),
      set_config('standard_conforming_strings', 'on', false),
      -- Other systems may refuse any value but 0.
      set_config('client_connection_check_interval',
        case when version() like '%linux%' then '1s' else '0' end, false)`,
  )
}

/** Not `discard all`, which would free the migration lock. */
export async function restoreSession(client: MigrationClient): Promise<void> {
  await client.query('reset session authorization')
  await client.query('reset role')
  await client.query('reset all')
}
