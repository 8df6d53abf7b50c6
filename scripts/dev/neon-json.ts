import type { SqlResult } from './sql-backend.ts'

/** How a request wants its rows: as PostgreSQL's text or JSON values, as arrays or objects. */
export interface RowFormat {
  raw: boolean
  arrayMode: boolean
}

/**
 * Engines pass the source text of numbers to the reviver; TypeScript's library does not know it yet. Parameters need the
 * source, because a bigint written as a JSON number does not fit into a JavaScript number.
 */
declare global {
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { source: string }) => unknown,
    ): unknown
    rawJSON(text: string): object
    isRawJSON(value: unknown): boolean
  }
}

/**
 * Parses a request's JSON and keeps the digits of each number as they were written.
 * Throws if the text is not JSON and, as Neon does, if it contains a lone surrogate.
 */
export function parseRequestJson(text: string): unknown {
  return JSON.parse(text, (key, value, { source }) => {
    if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed())) {
      throw new Error('lone leading surrogate in hex escape')
    }
    return typeof value === 'number' ? JSON.rawJSON(source) : value
  })
}

/**
 * The text that PostgreSQL receives for a parameter from `parseRequestJson`: a string as it is, an array as an array
 * literal, everything else as JSON; null is NULL.
 */
export function paramToText(param: unknown): string | null {
  if (param === null || typeof param === 'string') return param
  return Array.isArray(param) ? arrayLiteral(param) : JSON.stringify(param)
}

function arrayLiteral(items: unknown[]): string {
  const literals = items.map((item) => {
    if (item === null) return 'NULL'
    if (Array.isArray(item)) return arrayLiteral(item)
    const json = JSON.stringify(item)
    const isObject = typeof item === 'object' && !JSON.isRawJSON(item)
    return isObject ? JSON.stringify(json) : json
  })
  return `{${literals.join(',')}}`
}

/** The rows of a result, each as JSON text. Written by hand, so json cells pass through unchanged. */
export function* rowsToJson({ fields, rows }: SqlResult, format: RowFormat): Generator<string> {
  const columns = fields.map(({ name, dataTypeID }) => ({
    key: format.arrayMode ? '' : `${JSON.stringify(name)}:`,
    toJson: format.raw ? JSON.stringify : cellConverter(dataTypeID),
  }))
  const [open, close] = format.arrayMode ? ['[', ']'] : ['{', '}']
  for (const row of rows) {
    const cells = columns.map(({ key, toJson }, index) => {
      const cell = row[index] ?? null
      return key + (cell === null ? 'null' : toJson(cell))
    })
    yield open + cells.join(',') + close
  }
}

type CellConverter = (text: string) => string

function cellConverter(typeOid: number): CellConverter {
  const element = elementConverters.get(typeOid) ?? (textArrayOids.has(typeOid) && JSON.stringify)
  if (element) return (text) => arrayToJson(text, element)
  return scalarConverters.get(typeOid) ?? JSON.stringify
}

const boolToJson: CellConverter = (text) => String(text === 't')
const asIs: CellConverter = (text) => text
/** JSON has no NaN and no infinities, so they stay strings. */
const floatToJson: CellConverter = (text) =>
  Number.isFinite(Number(text)) ? text : JSON.stringify(text)

/** bool, int2, int4, float4, float8, json, jsonb. All other types stay text, int8 and numeric included. */
const scalarConverters = new Map([
  [16, boolToJson],
  [21, asIs],
  [23, asIs],
  [700, floatToJson],
  [701, floatToJson],
  [114, asIs],
  [3802, asIs],
])

/** The array types of the same. */
const elementConverters = new Map([
  [1000, boolToJson],
  [1005, asIs],
  [1007, asIs],
  [1021, floatToJson],
  [1022, floatToJson],
  [199, asIs],
  [3807, asIs],
])

/** The other built-in array types (`select oid from pg_type where typcategory = 'A'`). */
const textArrayOids = new Set([
  143, 271, 272, 273, 629, 651, 719, 775, 791, 1001, 1002, 1003, 1006, 1008, 1009, 1010, 1011, 1012,
  1013, 1014, 1015, 1016, 1017, 1018, 1019, 1020, 1027, 1028, 1034, 1040, 1041, 1115, 1182, 1183,
  1185, 1187, 1231, 1263, 1270, 1561, 1563, 2201, 2207, 2208, 2209, 2210, 2211, 2949, 2951, 3221,
  3643, 3644, 3645, 3735, 3770, 3905, 3907, 3909, 3911, 3913, 3927, 4073, 4090, 4097, 4192, 5039,
  6150, 6151, 6152, 6153, 6155, 6157,
])

/** One token of an array's text: a brace, a comma, a quoted item with its escapes, or a bare item. */
const arrayToken = /[{},]|"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>[^{},"]+)/gsu

/** `{a,"b",NULL}` as JSON, nested arrays too. Bounds (`[0:1]={…}`) are dropped: JSON has none. */
function arrayToJson(text: string, toJson: CellConverter): string {
  const literal = text.startsWith('[') ? text.slice(text.indexOf('=') + 1) : text
  return literal.replace(arrayToken, (token, quoted?: string, bare?: string) => {
    if (token === '{') return '['
    if (token === '}') return ']'
    if (quoted !== undefined) return toJson(quoted.replace(/\\(.)/gsu, '$1'))
    if (bare !== undefined) return bare === 'NULL' ? 'null' : toJson(bare)
    return token
  })
}
