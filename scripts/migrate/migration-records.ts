import type { MigrationClient } from './migration-client.ts'
import { MigrationError } from './migration-error.ts'
import type { Migration } from './migration-files.ts'

export interface MigrationRecord {
  version: number
  name: string
  sha256: string
  /** ISO 8601, UTC. */
  appliedAt: string
}

const columns = ['applied_at', 'name', 'sha256', 'version']

/**
 * Lists the applied migrations by version; undefined if the table does not exist yet. Throws a MigrationError if the
 * table belongs to another tool: Rails, dbmate and golang-migrate use the same name.
 */
export async function listRecords(client: MigrationClient): Promise<MigrationRecord[] | undefined> {
  const table = await client.query(
    `select attname::text as name from pg_attribute
     where attrelid = to_regclass('public.schema_migrations') and attnum > 0 and not attisdropped`,
  )
  if (table.rows.length === 0) return undefined
  const found = table.rows.map((row) => String(row.name)).toSorted()
  if (found.join() !== columns.join()) {
    throw new MigrationError(
      `the table public.schema_migrations belongs to another tool (its columns: ${found.join(', ')}): ` +
        'give this project a database of its own',
    )
  }
  const { rows } = await client.query(
    `select version, name, sha256,
       to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as applied_at
     from public.schema_migrations order by version`,
  )
  return rows.map((row) => ({
    version: Number(row.version),
    name: String(row.name),
    sha256: String(row.sha256),
    appliedAt: String(row.applied_at),
  }))
}

/** Within the caller's transaction. */
export async function createRecordTable(client: MigrationClient): Promise<void> {
  const statements = [
    `create table public.schema_migrations (
      version integer primary key,
      name text not null,
      sha256 text not null,
      applied_at timestamptz not null default now()
    )`,
    `comment on table public.schema_migrations is
      'the applied files of migrations/, written by the migrator alone; /health/ready compares the highest version with what the Worker expects'`,
    `comment on column public.schema_migrations.version is 'the number at the front of the file''s name'`,
    `comment on column public.schema_migrations.name is 'the file''s name: an applied file may not be renamed'`,
    `comment on column public.schema_migrations.sha256 is
      'hex SHA-256 of the file with CRLF as LF: an applied file may not be edited'`,
    `comment on column public.schema_migrations.applied_at is 'when its transaction began, or when it was recorded as a baseline'`,
  ]
  for (const statement of statements) await client.query(statement)
}

/** In the transaction that runs the file: both or neither. */
export async function recordMigration(
  client: MigrationClient,
  { version, name, sha256 }: Migration,
): Promise<void> {
  await client.query(
    'insert into public.schema_migrations (version, name, sha256) values ($1, $2, $3)',
    [version, name, sha256],
  )
}
