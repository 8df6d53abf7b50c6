import { expect, test } from 'vitest'
import { readMigrations } from '../../../scripts/migrate/migration-files.ts'
import { schemaVersion } from '../../../src/db/schema.ts'

test('the Worker wants the newest migration', async () => {
  const migrations = await readMigrations('migrations')
  expect(schemaVersion).toBe(migrations.at(-1)?.version)
})
