import type { MigrationClient } from './migration-client.ts'

/** Runs `work` between `begin` and `commit`. If `work` or the commit throws, rolls back and throws the same error. */
export async function inTransaction(
  client: MigrationClient,
  work: () => Promise<void>,
): Promise<void> {
  await client.query('begin')
  try {
    await work()
    await client.query('commit')
  } catch (error) {
    await rollBack(client)
    throw error
  }
}

/** Runs `work` in a transaction and always rolls it back. */
export async function inRolledBackTransaction(
  client: MigrationClient,
  work: () => Promise<void>,
): Promise<void> {
  await client.query('begin')
  try {
    await work()
  } finally {
    await rollBack(client)
  }
}

async function rollBack(client: MigrationClient): Promise<void> {
  // If the connection is lost, the server has rolled back already, and the first error is the one to report.
  await client.query('rollback').catch(() => {})
}
