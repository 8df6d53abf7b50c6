/** A result column, as RowDescription names it; `dataTypeID` is the type's OID. */
export interface SqlField {
  name: string
  tableID: number
  columnID: number
  dataTypeID: number
  dataTypeSize: number
  dataTypeModifier: number
}

/**
 * Cells are PostgreSQL's own text. `command` is the first word of the command tag, or '' for an empty query. `rowCount`
 * is the number of rows in the tag, or null if it has none.
 */
export interface SqlResult {
  fields: SqlField[]
  rows: (string | null)[][]
  command: string
  rowCount: number | null
}

/**
 * Runs one statement in the extended protocol, with its parameters bound as text.
 * Throws `SqlError`, or the signal's reason once the request was aborted.
 */
export type RunSql = (text: string, params?: (string | null)[]) => Promise<SqlResult>

/** A database that can lend a connection for the length of one request. */
export interface SqlBackend {
  /**
   * Lends `use` one connection that nobody else has, in the state of a new session. Afterwards it resets the connection,
   * so nothing of the session reaches the next request. It closes the connection instead, if it can open another one,
   * when `use` throws or leaves a transaction open.
   * If `signal` aborts a request, the request does not begin, or it is cancelled where the database can do that.
   * Throws `SqlError` of kind `connect` if there is no connection to lend.
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
 * - `statement`: the database answered with an error, and `fields` has all of it
 * - `lost`: the connection ended before the answer, so the statement may have been committed
 * - `connect`: there was no connection, so nothing ran; `fields` is set if the database itself refused
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
