/**
 * One connection to PostgreSQL that nobody else uses meanwhile: a `Client` of pg, or a PGlite. `query` runs one
 * statement; an error of the server has its SQLSTATE as `code`.
 */
export interface MigrationClient {
  query(sql: string, params?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}
