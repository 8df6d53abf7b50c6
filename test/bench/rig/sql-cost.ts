import { median } from '../report.ts'
import type { BenchDatabase, BenchServer } from './bench-server.ts'

/** The cost of statements to the server. */
export interface SqlCost {
  planningMs: number
  /** With everything that a function does, also the planning of its statements. */
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
 * With `track = top`, the statements that a client sends have a row each, which contains what the functions in them do. To
 * track the statements inside functions as well would cost the functions more time than some of their statements take.
 */
const costQuery = `
select coalesce(sum(total_plan_time), 0) as "planningMs",
  coalesce(sum(total_exec_time), 0) as "executionMs",
  coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8 as buffers
from pg_stat_statements
where dbid = (select oid from pg_database where datname = $1)
  and query not like '%pg_advisory_unlock_all%'`

/** From now on, the statements inside functions are counted too. */
export async function trackNestedStatements({ admin }: BenchServer): Promise<void> {
  await admin.query("alter system set pg_stat_statements.track = 'all'")
  await admin.query('select pg_reload_conf()')
}

/** How many statements were planned while `act` ran. */
export async function plansOf(
  { admin }: BenchServer,
  { name }: BenchDatabase,
  act: () => Promise<unknown>,
): Promise<number> {
  const before = await planCount(admin, name)
  await act()
  const after = await planCount(admin, name)
  return after - before
}

async function planCount(admin: BenchServer['admin'], database: string): Promise<number> {
  const { rows } = await admin.query<{ plans: number }>(
    `select coalesce(sum(plans), 0)::float8 as plans from pg_stat_statements
     where dbid = (select oid from pg_database where datname = $1)
       and query not like '%pg_advisory_unlock_all%'`,
    [database],
  )
  return rows[0]?.plans ?? 0
}
