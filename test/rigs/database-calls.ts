import type { Database } from '../../src/db/database.ts'

interface Query {
  sql: string
  parameters: readonly unknown[]
}

/** The statements that a function of src/db sends, without sending them. */
export async function callOf(
  db: Database,
  call: (db: Database) => Promise<unknown>,
): Promise<Query[]> {
  let sent: Query[] = []
  const recording: Database = {
    ...db,
    batch: (queries) => {
      sent = queries.map(({ sql, parameters }) => ({ sql, parameters }))
      return Promise.reject(new Error('not sent'))
    },
  }
  await call(recording).catch(() => {})
  return sent
}
