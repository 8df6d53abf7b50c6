import { MigrationError } from './migration-error.ts'
import type { Migration } from './migration-files.ts'
import type { MigrationRecord } from './migration-records.ts'

/**
 * Lists the files that are not applied yet, in order. Throws a MigrationError that names every file that is edited,
 * renamed, missing or out of order: applied files do not change, and a number is used once.
 */
export function pendingMigrations(
  migrations: Migration[],
  records: Pick<MigrationRecord, 'version' | 'name' | 'sha256'>[],
): Migration[] {
  const files = new Map(migrations.map((migration) => [migration.version, migration]))
  const applied = new Map(records.map((record) => [record.version, record]))
  const lastApplied = records.reduce((last, { version }) => Math.max(last, version), 0)
  const last = migrations.reduce((highest, { version }) => Math.max(highest, version), lastApplied)

  const problems: string[] = []
  for (let version = 1; version <= last; version += 1) {
    const file = files.get(version)
    const record = applied.get(version)
    if (!file && record) {
      problems.push(`${record.name}: was applied, but the file is missing`)
    } else if (!file) {
      problems.push(
        `${fourDigits(version)}_….sql: is missing before ${nextName(migrations, version)}`,
      )
    } else if (!record && version < lastApplied) {
      problems.push(`${file.name}: is out of order: ${fourDigits(lastApplied)} is applied already`)
    } else if (record && record.name !== file.name) {
      problems.push(
        `${file.name}: was applied as ${record.name}: an applied file may not be renamed`,
      )
    } else if (record && record.sha256 !== file.sha256) {
      problems.push(`${file.name}: was edited after it was applied: put the change in a new file`)
    }
  }
  if (problems.length > 0) throw new MigrationError(problems.join('\n'))
  return migrations.filter(({ version }) => !applied.has(version))
}

function nextName(migrations: Migration[], version: number): string {
  return migrations.find((migration) => migration.version > version)?.name ?? 'the applied ones'
}

function fourDigits(version: number): string {
  return String(version).padStart(4, '0')
}
