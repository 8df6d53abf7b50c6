/** A result column, as RowDescription names it; `dataTypeID` is the type's OID. */
export type SqlField = {
  name: string
  tableID: number
  columnID: number
  dataTypeID: number
  dataTypeSize: number
  dataTypeModifier: number
}

/**
 * Cells are PostgreSQL's own text. `command` is the first word of the command tag ('' for an empty
 * query), `rowCount` the number of rows in it, null where it has none.
 */
export type SqlResult = {
  fields: SqlField[]
  rows: (string | null)[][]
  command: string
  rowCount: number | null
}

/**
 * Runs one statement in the extended protocol, its parameters bound as text.
 * Throws `SqlError`, or the signal's reason once the request was aborted.
 */
export type RunSql = (text: string, params?: (string | null)[]) => Promise<SqlResult>

/** A database that can lend a connection for the length of one request. */
export type SqlBackend = {
  /**
   * Lends `use` one connection that nobody else has, in the state of a new session, and cleans up
   * behind it: an open transaction is rolled back, and nothing of the session is left to the next.
   * A request that `signal` aborts is not begun, or is cancelled where the database can do that.
   * Throws `SqlError` of kind `connect` where there is no connection to lend.
   */
  withConnection<T>(use: (run: RunSql) => Promise<T>, signal: AbortSignal): Promise<T>
}

/** The fields of a PostgreSQL error besides its message, by the names of Neon's JSON. */
export const errorFieldNames = [
  'code',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'severity',
  'where',
  'table',
  'column',
  'schema',
  'dataType',
  'constraint',
  'file',
  'line',
  'routine',
] as const

export type ErrorFields = Partial<Record<(typeof errorFieldNames)[number], string>>

/**
 * - `statement`: the database answered with an error, `fields` has it all
 * - `lost`: the connection ended before the answer, so the statement may have been committed
 * - `connect`: there was no connection, so nothing ran; `fields` where the database itself refused
 */
export type SqlErrorKind = 'statement' | 'lost' | 'connect'

export class SqlError extends Error {
  readonly kind: SqlErrorKind
  readonly fields: ErrorFields

  constructor(kind: SqlErrorKind, message: string, options: { fields?: object; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'SqlError'
    this.kind = kind
    this.fields = pickErrorFields(options.fields ?? {})
  }
}

function pickErrorFields(source: object): ErrorFields {
  return Object.fromEntries(
    errorFieldNames
      .map((name): [string, unknown] => [name, Reflect.get(source, name)])
      .filter(([, value]) => typeof value === 'string'),
  )
}
