import type { Database } from '../../src/db/database.ts'

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: PlanNode[]
}

/** Rows that scans of a table looked at, found or thrown away. */
export interface RowsRead {
  messages: number
  sessions: number
  /** Tables that were read from one end to the other. */
  wholeTables: string[]
}

/** Runs what `call` sends in one batch, as it is, and tells how much of the tables Postgres read for it. */
export async function explained(
  db: Database,
  call: (db: Database) => Promise<unknown>,
): Promise<RowsRead> {
  const nodes: PlanNode[] = []
  const explaining: Database = {
    ...db,
    async batch(queries, options) {
      const explain = queries.map((query) => ({
        ...query,
        sql: `explain (analyze, format json) ${query.sql}`,
      }))
      const results = (await db.batch(explain, options)) as unknown as Record<string, unknown>[][]
      for (const [row] of results) {
        const [explanation] = (row?.['QUERY PLAN'] ?? []) as { Plan: PlanNode }[]
        if (explanation) nodes.push(...nodesOf(explanation.Plan))
      }
      return results.map(() => []) as never
    },
  }
  // It gets plans for rows and can make nothing of them.
  await call(explaining).catch(() => {})
  const rowsOfTable = (name: string) =>
    nodes
      .filter((node) => node['Relation Name'] === name && node['Node Type'] !== 'ModifyTable')
      .reduce((sum, node) => sum + rowsOf(node), 0)
  return {
    messages: rowsOfTable('messages'),
    sessions: rowsOfTable('sessions'),
    wholeTables: nodes
      .filter((node) => node['Node Type'] === 'Seq Scan')
      .map((node) => node['Relation Name'] ?? ''),
  }
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

function rowsOf(node: PlanNode): number {
  const each =
    node['Actual Rows'] +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0)
  return Math.ceil(each * node['Actual Loops'])
}
