import { sql } from 'kysely'
import type { Column } from '../../src/db/columns.ts'
import type { Database } from '../../src/db/database.ts'
import type { Field, SentStatement } from './sent-statements.ts'

/** A column of a table, as the database has it. */
export interface CatalogColumn {
  table: string
  column: string
  pgType: string
  isNullable: boolean
  hasDefault: boolean
}

/** The types of the database, and the tables of our schema. */
export interface Catalog {
  columns: CatalogColumn[]
  /** The name of the type of a field. */
  typeOf(field: Field): string
  /** The column from which a field is taken unchanged; undefined if it is an expression, or has more than one source. */
  originOf(field: Field): CatalogColumn | undefined
}

export async function readCatalog({ kysely }: Database): Promise<Catalog> {
  const { rows: types } = await sql<{ oid: number; name: string }>`
select oid::integer, format_type(oid, null) as name from pg_type`.execute(kysely)
  const { rows } = await sql<CatalogColumn & { tableID: number; columnID: number }>`
select attrelid::integer as "tableID", attnum::integer as "columnID", relname as "table", attname as "column",
  format_type(atttypid, null) as "pgType", not attnotnull as "isNullable", atthasdef as "hasDefault"
from pg_attribute join pg_class on pg_class.oid = attrelid
where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
order by relname, attnum`.execute(kysely)
  const names = new Map(types.map(({ oid, name }) => [oid, name]))
  return {
    columns: rows,
    typeOf: ({ dataTypeID }) => names.get(dataTypeID) ?? String(dataTypeID),
    originOf: ({ tableID, columnID }) =>
      rows.find((row) => row.tableID === tableID && row.columnID === columnID),
  }
}

/**
 * A line for each column that a statement returns. If it is taken from a table, its column there follows. An outer join
 * may make it null although it is `not null` there.
 */
export function describeFields(fields: Field[], catalog: Catalog): string[] {
  return fields.map((field) => {
    const origin = catalog.originOf(field)
    const notNull = origin?.isNullable === false ? ', not null' : ''
    const source = origin ? ` (${origin.table}.${origin.column}${notNull})` : ''
    return `${field.name} ${catalog.typeOf(field)}${source}`
  })
}

export const noColumns = 'raw SQL that declares no columns'

/** A message for each declared column that does not match what the database returned. */
export function columnFaults(
  { declared, fields, rows }: SentStatement,
  catalog: Catalog,
): string[] {
  if (declared === undefined) return [noColumns]
  return Object.entries(declared).flatMap(([name, column]) => {
    const field = fields.find((each) => each.name === name)
    if (field === undefined) return [`${name} is not returned`]
    const origin = catalog.originOf(field)
    const type = catalog.typeOf(field)
    return [
      ...(type === column.pgType ? [] : [`${name} is ${type}, not ${column.pgType}`]),
      ...(origin?.isNullable && !column.isNullable
        ? [`${name} may be null, as ${origin.table}.${origin.column} may`]
        : []),
      ...rows.flatMap((row) => valueFaults(name, column, row[name])),
    ]
  })
}

const isDate = (value: unknown) => value instanceof Date
const isText = (value: unknown) => typeof value === 'string'

/** Whether the driver made the right JavaScript value of each type. */
const valueTests: Record<string, (value: unknown) => boolean> = {
  boolean: (value) => typeof value === 'boolean',
  smallint: Number.isInteger,
  integer: Number.isInteger,
  'integer[]': (value) => Array.isArray(value) && value.every(Number.isInteger),
  'uuid[]': (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  bigint: (value) => typeof value === 'string' && /^-?\d+$/.test(value),
  'double precision': (value) => typeof value === 'number',
  uuid: isText,
  text: isText,
  date: isDate,
  'timestamp with time zone': isDate,
}

/** A message if a value has not the JavaScript type of its column, or if its JSON does not match the schema. */
export function valueFaults(name: string, column: Column, value: unknown): string[] {
  if (value === null) return column.isNullable ? [] : [`${name} is null`]
  if (column.schema !== undefined) {
    const { error } = column.schema.safeParse(value)
    return (
      error?.issues.map(({ path, message }) => `${[name, ...path].join('.')}: ${message}`) ?? []
    )
  }
  return valueTests[column.pgType]?.(value)
    ? []
    : [`${name} is ${typeof value} ${JSON.stringify(value)}`]
}
