import type { MigrationClient } from './migration-client.ts'

/**
 * Gives each file the same session, independent of the role's defaults and of the settings of the file before it.
 *
 * - A migration that waits for the lock of a table makes every later query on that table wait: it gives up after 10 s. A
 *   file may take longer with `set local lock_timeout`.
 * - A statement may take as long as it needs, even if the role has a limit for the Worker's queries.
 * - A migrator that is killed or cut off frees its locks within seconds, even in the middle of a long statement.
 */
export async function prepareSession(client: MigrationClient): Promise<void> {
  await restoreSession(client)
  await client.query(
    `select
      set_config('lock_timeout', '10s', false),
      set_config('statement_timeout', '0', false),
      set_config('idle_in_transaction_session_timeout', '60s', false),
      set_config('standard_conforming_strings', 'on', false),
      -- Other systems may refuse every value except 0.
      set_config('client_connection_check_interval',
        case when version() like '%linux%' then '1s' else '0' end, false)`,
  )
}

/** `discard all` would also free the migration lock. */
export async function restoreSession(client: MigrationClient): Promise<void> {
  await client.query('reset session authorization')
  await client.query('reset role')
  await client.query('reset all')
}
