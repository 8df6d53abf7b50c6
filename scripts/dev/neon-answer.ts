import { type RowFormat, rowsToJson } from './neon-json.ts'
import { type Query, RequestError } from './neon-request.ts'
import {
  type ErrorFields,
  errorFieldNames,
  type RunSql,
  SqlError,
  type SqlResult,
} from './sql-backend.ts'

/** Neon's limit. */
const maxResponseBytes = 10 * 1024 * 1024

export interface Answer {
  status: number
  body: string
  headers?: Record<string, string>
}

/** Runs statements and writes their results, up to Neon's limit for all of them together. */
export function createAnswer() {
  let byteCount = 0
  const write = (json: string) => {
    byteCount += Buffer.byteLength(json) + 1
    if (byteCount > maxResponseBytes) {
      throw new RequestError(507, `response is too large (max is ${maxResponseBytes} bytes)`)
    }
    return json
  }
  return {
    run: async (run: RunSql, query: Query, { raw, arrayMode }: RowFormat): Promise<string> => {
      const result = await run(query.query, query.params)
      const format = { raw, arrayMode: query.arrayMode ?? arrayMode }
      const head = write(`{"rowAsArray":${format.arrayMode},"fields":${fieldsToJson(result)}`)
      const rows = Array.from(rowsToJson(result, format), write)
      const { command, rowCount } = result
      return `${head},"rows":[${rows.join(',')}],"command":${JSON.stringify(command)},"rowCount":${rowCount}}`
    },
  }
}

function fieldsToJson({ fields }: SqlResult): string {
  return JSON.stringify(
    fields.map((field) => ({
      name: field.name,
      dataTypeID: field.dataTypeID,
      tableID: field.tableID,
      columnID: field.columnID,
      dataTypeSize: field.dataTypeSize,
      dataTypeModifier: field.dataTypeModifier,
      format: 'text',
    })),
  )
}

/** Neon's answer to a request that failed, or whose SQL failed. */
export function answerError(error: unknown): Answer {
  if (error instanceof SqlError) {
    const status = error.kind === 'connect' ? 500 : 400
    return { status, body: errorJson(error.message, error.fields) }
  }
  if (error instanceof RequestError) {
    return { status: error.status, body: errorJson(error.message, {}) }
  }
  return { status: 500, body: errorJson(`Internal error: ${String(error)}`, {}) }
}

/** Neon sends every field: an absent one as null, except that an absent `code` or `severity` is empty. */
function errorJson(message: string, fields: ErrorFields): string {
  const absent = Object.fromEntries(errorFieldNames.map((name) => [name, null]))
  return JSON.stringify({ message, ...absent, code: '', severity: '', ...fields })
}
