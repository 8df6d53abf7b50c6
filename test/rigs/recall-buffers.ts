import { Client } from 'pg'
import type { PlanNode } from './nested-plans.ts'

interface Query {
  sql: string
  parameters: readonly unknown[]
}

interface ReadNode extends PlanNode {
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
}

export interface MeasuredCall {
  /** Buffers of the whole call, with all statements of its functions, but without those that only plan. */
  buffers: number
  /** The statements of turn_recall. */
  recall: MeasuredStatement[]
}

export interface MeasuredStatement {
  sql: string
  buffers: number
  nodes: ReadNode[]
}

export interface BufferMeter {
  /** Calls begin_turn and takes it back. */
  measure(query: Query): Promise<MeasuredCall>
  close(): Promise<void>
}

/**
 * Opens a connection that keeps its plans, and reads how many buffers each call takes, as auto_explain reports it. Of each
 * call the second run counts: the first fills the connection's caches of the catalog.
 * @param mode the setting `plan_cache_mode` of begin_turn
 */
export async function openBufferMeter(
  { connectionString }: { connectionString: string },
  mode: 'force_generic_plan' | 'force_custom_plan',
): Promise<BufferMeter> {
  const client = new Client({ connectionString })
  let statements: MeasuredStatement[] = []
  await client.connect()
  client.on('notice', ({ message = '' }) => {
    const [, json] = /^duration: [\d.]+ ms {2}plan:\s*([^]*)$/.exec(message) ?? []
    if (json === undefined) return
    const { 'Query Text': sql, Plan: plan } = JSON.parse(json) as {
      'Query Text': string
      Plan: ReadNode
    }
    statements.push({ sql, buffers: buffersOf(plan), nodes: nodesOf(plan) })
  })
  await client.query(`
load 'auto_explain';
set auto_explain.log_analyze = on;
set auto_explain.log_buffers = on;
set auto_explain.log_timing = off;
set auto_explain.log_nested_statements = on;
set auto_explain.log_format = json;
set auto_explain.log_level = notice;
set client_min_messages = notice`)
  if (mode === 'force_custom_plan')
    await client.query('alter function begin_turn(jsonb) set plan_cache_mode = force_custom_plan')

  const run = async ({ sql, parameters }: Query) => {
    await client.query('begin')
    await client.query(sql, [...parameters])
    await client.query('rollback')
  }
  return {
    measure: async (query) => {
      await run(query)
      await client.query('set auto_explain.log_min_duration = 0')
      statements = []
      await run(query)
      await client.query('set auto_explain.log_min_duration = -1')
      const whole = statements.find(({ sql }) => sql === query.sql)
      if (!whole) throw new Error('the call was not reported')
      return { buffers: whole.buffers, recall: statements.filter(isOfRecall) }
    },
    close: () => client.end(),
  }
}

/** turn_recall probes for an older turn, may read the terms of the last one, and then has one statement. */
function isOfRecall({ sql }: MeasuredStatement): boolean {
  return /^t\.recalls_elsewhere is not true|last_terms|with term as/.test(sql)
}

function buffersOf(node: ReadNode): number {
  return node['Shared Hit Blocks'] + node['Shared Read Blocks']
}

function nodesOf(node: ReadNode): ReadNode[] {
  return [node, ...((node.Plans ?? []) as ReadNode[]).flatMap(nodesOf)]
}
