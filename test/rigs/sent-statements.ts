import {
  AliasNode,
  type CompiledQuery,
  IdentifierNode,
  type KyselyPlugin,
  type OperationNode,
  type SelectionNode,
} from 'kysely'
import { vi } from 'vitest'
import type { Column, Columns } from '../../src/db/columns.ts'
import type { Database } from '../../src/db/database.ts'

/** A column of an answer, as Neon describes it. */
export interface Field {
  name: string
  dataTypeID: number
  /** 0: the field is not taken unchanged from a table. */
  tableID: number
  columnID: number
}

/** A statement that a call sent, and its answer. */
export interface SentStatement {
  sql: string
  fields: Field[]
  rows: Record<string, unknown>[]
  /** The columns that its source declares; undefined if raw SQL declares none. */
  declared: Columns | undefined
  /** Whether the database has a timeout for it. */
  isTimed: boolean
}

interface Answer {
  fields: Field[]
}

/** Runs a call to the database. @returns the statements of each of its round trips */
export async function sentStatements(
  db: Database,
  call: (db: Database) => Promise<unknown>,
): Promise<SentStatement[][]> {
  const queries: Pick<SentStatement, 'rows' | 'declared'>[] = []
  const nodes = new Map<unknown, OperationNode>()
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      nodes.set(queryId, node)
      return node
    },
    async transformResult({ queryId, result }) {
      queries.push({ rows: result.rows, declared: declaredIn(nodes.get(queryId)) })
      return result
    },
  }
  const recording: Database = {
    ...db,
    kysely: db.kysely.withPlugin(plugin),
    async batch(sent, options) {
      const results = await db.batch(sent, options)
      const rowsOfEach = results as unknown as SentStatement['rows'][]
      sent.forEach((query, index) =>
        queries.push({ rows: rowsOfEach[index] ?? [], declared: declaredBy(query) }),
      )
      return results
    },
    async single(sent, options) {
      const rows = await db.single(sent, options)
      queries.push({ rows: rows as SentStatement['rows'], declared: declaredBy(sent) })
      return rows
    },
  }
  const exchanges: { sql: string[]; answers: Answer[]; isTimed: boolean }[] = []
  const realFetch = globalThis.fetch
  const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
    const response = await realFetch(url, init)
    const { query, queries: batch } = JSON.parse(init?.body as string)
    const answer = await response.clone().json()
    // The first statement of a transaction sets the timeout of the others.
    exchanges.push(
      batch === undefined
        ? { sql: [query], answers: [answer], isTimed: false }
        : {
            sql: batch.slice(1).map(queryOf),
            answers: answer.results?.slice(1) ?? [],
            isTimed: batch[0].query.includes('statement_timeout'),
          },
    )
    return response
  })
  try {
    await call(recording)
  } finally {
    spy.mockRestore()
  }
  let next = 0
  return exchanges.map(({ sql, answers, isTimed }) =>
    sql.map((text, index) => {
      const { rows, declared } = queries[(next += 1) - 1] ?? { rows: [], declared: undefined }
      return { sql: text, fields: answers[index]?.fields ?? [], rows, declared, isTimed }
    }),
  )
}

const queryOf = ({ query }: { query: string }) => query

function declaredBy(query: CompiledQuery & { columns?: Columns }): Columns | undefined {
  return query.columns ?? declaredIn(query.query)
}

type BuiltNode = OperationNode & {
  selections?: readonly SelectionNode[]
  returning?: { selections: readonly SelectionNode[] }
}

/**
 * The columns that the expressions of a built query declare. Its other columns have the types of their tables.
 * @returns undefined if the query is raw, or selects an expression that declares no column
 */
function declaredIn(node: BuiltNode | undefined): Columns | undefined {
  if (node === undefined || node.kind === 'RawNode') return undefined
  const columns: Record<string, Column> = {}
  for (const { selection } of node.selections ?? node.returning?.selections ?? []) {
    const column = (selection as { column?: Column }).column
    if (AliasNode.is(selection) && IdentifierNode.is(selection.alias) && column !== undefined)
      columns[selection.alias.name] = column
    else if (isRaw(selection)) return undefined
  }
  return columns
}

function isRaw(node: OperationNode): boolean {
  return node.kind === 'RawNode' || (AliasNode.is(node) && isRaw(node.node))
}
