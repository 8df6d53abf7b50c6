import { applyMigration, rehearseMigrations } from './apply-migration.ts'
import type { MigrationClient } from './migration-client.ts'
import { MigrationError } from './migration-error.ts'
import { readMigrations } from './migration-files.ts'
import { withMigrationLock } from './migration-lock.ts'
import {
  createRecordTable,
  listRecords,
  type MigrationRecord,
  recordMigration,
} from './migration-records.ts'
import { pendingMigrations } from './pending-migrations.ts'
import { restoreSession } from './session.ts'
import { inRolledBackTransaction, inTransaction } from './transaction.ts'

export interface MigrateOptions {
  /** Path of the folder with the files NNNN_snake_case.sql. */
  folder: string
  /** Called with each line of the report. */
  log?: (line: string) => void
}

/**
 * Applies the files of a folder that are not recorded yet, in order, each with its record in one transaction. Waits
 * while another migrator runs. With `dryRun`, runs everything in one transaction and rolls it back.
 *
 * Throws a MigrationError if a file is malformed, edited, renamed, missing or out of order, or if it fails. The error
 * names the file; the files before it stay applied.
 */
export async function migrate(
  client: MigrationClient,
  { folder, log = () => {}, dryRun = false }: MigrateOptions & { dryRun?: boolean },
): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(folder)
  const applied: string[] = []
  await withMigrationLock(client, log, async () => {
    const records = await listRecords(client)
    const pending = pendingMigrations(migrations, records ?? [])
    if (pending.length === 0) {
      log(`nothing to do: ${count(migrations.length)} applied`)
      return
    }
    if (dryRun) {
      await inRolledBackTransaction(client, () => rehearseMigrations(client, pending, log))
      log('dry run: all of it was rolled back')
      return
    }
    if (!records) await inTransaction(client, () => createRecordTable(client))
    try {
      for (const migration of pending) {
        const startedAt = performance.now()
        await applyMigration(client, migration)
        applied.push(migration.name)
        log(`applied ${migration.name} (${Math.round(performance.now() - startedAt)} ms)`)
      }
    } finally {
      // The caller may continue to use this connection.
      await restoreSession(client).catch(() => {})
    }
  })
  return { applied }
}

/**
 * Records the files up to `version` as applied without running them, for a database that got its tables in another way.
 * Throws a MigrationError if the database has records already.
 */
export async function baseline(
  client: MigrationClient,
  { folder, version, log = () => {} }: MigrateOptions & { version: number },
): Promise<void> {
  const migrations = pendingMigrations(await readMigrations(folder), [])
  if (!migrations.some((migration) => migration.version === version)) {
    throw new MigrationError(`there is no file ${String(version).padStart(4, '0')}_….sql`)
  }
  await withMigrationLock(client, log, async () => {
    const records = await listRecords(client)
    if (records && records.length > 0) {
      throw new MigrationError(
        `a baseline is for a database without records: this one has ${count(records.length)}`,
      )
    }
    const known = migrations.filter((migration) => migration.version <= version)
    await inTransaction(client, async () => {
      if (!records) await createRecordTable(client)
      for (const migration of known) await recordMigration(client, migration)
    })
    for (const { name } of known) log(`recorded ${name} without running it`)
  })
}

/** Lists the applied and the pending files; changes nothing and waits for no other migrator. Throws as `migrate` does. */
export async function migrationStatus(
  client: MigrationClient,
  { folder }: Pick<MigrateOptions, 'folder'>,
): Promise<{ applied: MigrationRecord[]; pending: string[] }> {
  const migrations = await readMigrations(folder)
  const applied = (await listRecords(client)) ?? []
  return { applied, pending: pendingMigrations(migrations, applied).map(({ name }) => name) }
}

function count(migrations: number): string {
  return migrations === 1 ? '1 migration' : `${migrations} migrations`
}
