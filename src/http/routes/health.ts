import { Hono } from 'hono'
import { appliedSchemaVersion } from '../../db/schema-version.ts'
import { schemaVersion } from '../../db/schema.ts'
import { Problem } from '../../errors.ts'
import type { AppEnv } from '../app-env.ts'

export const live = new Hono<AppEnv>().get('/', (c) => c.json({ status: 'ok' }))

/** Checks that the settings are valid, the database answers, and the schema is at least the one this code wants. */
export const ready = new Hono<AppEnv>().get('/', async (c) => {
  const applied = await appliedSchemaVersion(c.get('deps').db)
  const versions = { schema_version: applied, wanted_schema_version: schemaVersion }
  if (applied < schemaVersion)
    throw new Problem('schema_outdated', {
      detail: `Migration ${applied} of ${schemaVersion} is applied: run npm run migrate`,
      members: versions,
    })
  return c.json({ status: 'ok', ...versions })
})
