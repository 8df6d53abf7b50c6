import { Client } from 'pg'
import { inject } from 'vitest'

export interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: PlanNode[]
}

/** A statement that ran inside a function, and the nodes of its plan. */
export interface NestedPlan {
  sql: string
  nodes: PlanNode[]
}

/**
 * Runs a query over TCP and returns the plan of every statement that ran inside its functions, as auto_explain reports
 * them. Nothing of it is kept: the transaction is rolled back.
 * @param mode the setting `plan_cache_mode` of the turn's functions
 * @param database a PostgreSQL server; by default the one that all tests share
 */
export async function nestedPlans(
  query: { sql: string; parameters: readonly unknown[] },
  mode: 'force_generic_plan' | 'force_custom_plan',
  { connectionString } = inject('database'),
): Promise<NestedPlan[]> {
  const client = new Client({ connectionString })
  const plans: NestedPlan[] = []
  await client.connect()
  try {
    await client.query(`
begin;
alter function begin_turn(jsonb) set plan_cache_mode = ${mode};
alter function checkpoint_turn(jsonb) set plan_cache_mode = ${mode};
alter function finish_turn(jsonb) set plan_cache_mode = ${mode};
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_analyze = on;
set auto_explain.log_nested_statements = on;
set auto_explain.log_format = json;
set auto_explain.log_level = notice;
set client_min_messages = notice`)
    client.on('notice', ({ message = '' }) => {
      const [, json] = /^duration: [\d.]+ ms {2}plan:\s*([^]*)$/.exec(message) ?? []
      if (json === undefined) return
      const { 'Query Text': sql, Plan: plan } = JSON.parse(json) as {
        'Query Text': string
        Plan: PlanNode
      }
      plans.push({ sql, nodes: nodesOf(plan) })
    })
    await client.query(query.sql, [...query.parameters])
  } finally {
    await client.end()
  }
  return plans
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

/** Rows of a table that scans looked at, found or thrown away. */
export function rowsRead(plans: readonly NestedPlan[], table: string): number {
  return plans
    .flatMap(({ nodes }) => nodes)
    .filter((node) => node['Relation Name'] === table && node['Node Type'] !== 'ModifyTable')
    .reduce((sum, node) => sum + rowsOf(node), 0)
}

/** Scans of a whole table or of a whole index. */
export function wholeScans(plans: readonly NestedPlan[]): string[] {
  return plans.flatMap(({ sql, nodes }) =>
    nodes
      .filter((node) => node['Node Type'] === 'Seq Scan')
      .map((node) => `${node['Relation Name']}: ${sql}`),
  )
}

function rowsOf(node: PlanNode): number {
  const each =
    node['Actual Rows'] +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0)
  return Math.ceil(each * node['Actual Loops'])
}
