import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { appliedSchemaVersion } from '../../db/schema-version.ts'
import { schemaVersion } from '../../db/schema.ts'
import { Problem } from '../../errors.ts'

export const live = new Hono<AppEnv>().get('/', (c) => c.json({ status: 'ok' }))

/** Reaches the database, and finds there what this code was written for. */
export const ready = new Hono<AppEnv>().get('/', async (c) => {
  const applied = await appliedSchemaVersion(c.get('deps').db)
  if (applied < schemaVersion)
    throw new Problem('schema_outdated', {
      detail: `Migration ${applied} of ${schemaVersion} is applied: run npm run migrate`,
    })
  return c.json({ status: 'ok', schema_version: applied })
})
