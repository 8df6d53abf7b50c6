import {
  type AliasedExpression,
  type CompiledQuery,
  type Kysely,
  type RawBuilder,
  type SelectType,
  sql,
} from 'kysely'
import type { Column, Columns, TypeOf } from './columns.ts'

/** A row of a query with these columns. */
export type RowOf<Of extends Columns> = { [Name in keyof Of]: SelectType<TypeOf<Of[Name]>> }

/**
 * A whole statement of SQL, and the columns of its rows: the compiled query carries them as `columns`, for the tests.
 * The statement may return further columns, which the type of its rows does not show.
 * @example rowsOf({ claimed: column.integer })`select count(*)::integer as claimed from …`.compile(db.kysely)
 */
export function rowsOf<const Of extends Columns>(columns: Of) {
  return (strings: TemplateStringsArray, ...values: unknown[]) => {
    const statement = sql<RowOf<Of>>(strings, ...values)
    return {
      // oxlint-disable-next-line typescript/no-explicit-any -- the schema, which raw SQL does not use
      compile: (kysely: Kysely<any>): CompiledQuery<RowOf<Of>> =>
        Object.assign({ columns }, statement.compile(kysely)),
    }
  }
}

/** An expression of SQL that a built query selects under a name. Its node carries the column, for the tests. */
export function selected<Type, Name extends string>(
  of: Column<Type>,
  expression: RawBuilder<unknown>,
  name: Name,
): AliasedExpression<SelectType<Type>, Name> {
  const aliased = expression.$castTo<SelectType<Type>>().as(name)
  return {
    expression: aliased.expression,
    alias: name,
    toOperationNode: () => ({ ...aliased.toOperationNode(), column: of }),
  }
}
