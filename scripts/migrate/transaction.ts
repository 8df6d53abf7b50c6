import type { MigrationClient } from './migration-client.ts'

/** Runs `work` between `begin` and `commit`; where either throws, rolls back and throws the same error. */
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

/** Runs `work` in a transaction that is rolled back, whatever comes of it. */
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
  // A lost connection has rolled back already, and its error is the one to tell.
  await client.query('rollback').catch(() => {})
}
