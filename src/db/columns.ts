import type { ColumnType, InsertType, SelectType, UpdateType } from 'kysely'
import type * as z from 'zod'

/**
 * Columns as values: the types of tables and rows are inferred from them, and tests compare them with the database. A
 * type alone would be a claim that nobody checks.
 * @example import * as column from './columns.ts'
 */

/**
 * A column of a table, or of what a query returns.
 * @typeParam Type as in Kysely's tables: a value, or what is read and written
 */
export interface Column<Type = unknown> {
  /** By the name that Postgres prints. */
  readonly pgType: string
  readonly isNullable: boolean
  readonly hasDefault: boolean
  /** The shape of a JSON value. */
  readonly schema?: z.ZodType
  /** Never set: it carries the type. */
  readonly type?: Type
}

export type Columns = Readonly<Record<string, Column>>

export type TypeOf<Of> = Of extends Column<infer Type> ? Type : never

function column<Type>(pgType: string): Column<Type> {
  return { pgType, isNullable: false, hasDefault: false }
}

export const boolean = column<boolean>('boolean')
export const integer = column<number>('integer')
export const smallint = column<number>('smallint')
export const integers = column<number[]>('integer[]')
/** Read as a string, because it may not fit a number. */
export const bigint = column<ColumnType<string, number, number>>('bigint')
export const float = column<number>('double precision')
export const uuid = column<string>('uuid')
export const uuids = column<string[]>('uuid[]')
export const text = column<string>('text')
/** Read as the beginning of the day in the isolate's time zone, which is UTC in a Worker. */
export const date = column<ColumnType<Date, string, string>>('date')
export const timestamp = column<ColumnType<Date, string, string>>('timestamp with time zone')

/** Text that is one of these words. */
export const oneOf = <const Word extends string>(): Column<Word> => column('text')

/** Written as JSON text: the driver would take a bare array or string for something else. */
type Json<Value> = ColumnType<Value, string, string>

/** @param schema the tests parse real values with it, and strict objects refuse unknown keys; the Worker parses nothing */
export const json = <Value>(schema: z.ZodType<Value>): Column<Json<Value>> => ({
  ...column('json'),
  schema,
})
export const jsonb = <Value>(schema: z.ZodType<Value>): Column<Json<Value>> => ({
  ...column('jsonb'),
  schema,
})

export function nullable<Type>(of: Column<Type>): Column<Type | null> {
  return { ...of, isNullable: true }
}

/** The columns of what an outer join may not find. */
export function eachNullable<Of extends Columns>(columns: Of) {
  const entries = Object.entries(columns).map(([name, of]) => [name, nullable(of)])
  return Object.fromEntries(entries) as { [Name in keyof Of]: Column<TypeOf<Of[Name]> | null> }
}

type WithDefault<Type> = ColumnType<
  SelectType<Type>,
  InsertType<Type> | undefined,
  UpdateType<Type>
>

/** A column that an insert may leave out. */
export function withDefault<Type>(of: Column<Type>): Column<WithDefault<Type>> {
  return { ...of, hasDefault: true } as Column<WithDefault<Type>>
}

/** A column that the database computes from others of its row: it is read and never written. */
export function generated<Type>(
  of: Column<Type>,
): Column<ColumnType<SelectType<Type>, never, never>> {
  return { ...of, hasDefault: true } as Column<ColumnType<SelectType<Type>, never, never>>
}
