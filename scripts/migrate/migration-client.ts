/**
 * One connection to PostgreSQL that nobody else uses meanwhile. A `Client` of pg and a PGlite both are one.
 * `query` runs one statement; a refusal of the server is an Error with its SQLSTATE as `code`.
 */
export type MigrationClient = {
  query(sql: string, params?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}
