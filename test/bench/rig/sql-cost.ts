import { median } from '../report.ts'
import type { BenchDatabase, BenchServer } from './bench-server.ts'

/** What statements cost the server. */
export interface SqlCost {
  planningMs: number
  /** Without the planning of statements inside functions. */
  executionMs: number
  /** Pages of tables and indexes that were read, from the cache or the disk. */
  buffers: number
}

/** @returns the cost of the statements that `act` runs in this database, and what `act` returns */
export async function costOf<Result>(
  server: BenchServer,
  { name }: BenchDatabase,
  act: () => Promise<Result>,
): Promise<{ cost: SqlCost; result: Result }> {
  const before = await costSoFar(server, name)
  const result = await act()
  const after = await costSoFar(server, name)
  const cost = {
    planningMs: after.planningMs - before.planningMs,
    executionMs: after.executionMs - before.executionMs,
    buffers: after.buffers - before.buffers,
  }
  return { cost, result }
}

/** The medians: whatever else the machine does makes a few calls much slower. */
export function medianCost(costs: readonly SqlCost[]): SqlCost {
  const of = (part: keyof SqlCost) => median(costs.map((cost) => cost[part]))
  return { planningMs: of('planningMs'), executionMs: of('executionMs'), buffers: of('buffers') }
}

export function sumCost(one: SqlCost, other: SqlCost): SqlCost {
  return {
    planningMs: one.planningMs + other.planningMs,
    executionMs: one.executionMs + other.executionMs,
    buffers: one.buffers + other.buffers,
  }
}

export function totalMs({ planningMs, executionMs }: SqlCost): number {
  return planningMs + executionMs
}

async function costSoFar({ admin }: BenchServer, database: string): Promise<SqlCost> {
  const { rows } = await admin.query<SqlCost>(costQuery, [database])
  const [cost] = rows
  if (cost === undefined) throw new Error('pg_stat_statements did not answer')
  return cost
}

/**
 * With `track = all`, a statement inside a function has a row of its own (`toplevel` is false), and the execution of the
 * function's caller contains its time and its buffers. So callers alone count for the execution and the buffers, and
 * every row counts for the planning. The caller's execution contains the planning of inner statements: it is subtracted.
 */
const costQuery = `
select coalesce(sum(total_plan_time), 0) as "planningMs",
  coalesce(sum(total_exec_time) filter (where toplevel), 0)
    - coalesce(sum(total_plan_time) filter (where not toplevel), 0) as "executionMs",
  coalesce(sum(shared_blks_hit + shared_blks_read) filter (where toplevel), 0)::float8 as buffers
from pg_stat_statements
where dbid = (select oid from pg_database where datname = $1)
  and query not like '%pg_advisory_unlock_all%'`
