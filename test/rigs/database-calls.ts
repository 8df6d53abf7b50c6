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
  const record = (queries: readonly Query[]) => {
    sent = queries.map(({ sql, parameters }) => ({ sql, parameters }))
    return Promise.reject(new Error('not sent'))
  }
  const recording: Database = { ...db, batch: record, single: (query) => record([query]) }
  await call(recording).catch(() => {})
  return sent
}
