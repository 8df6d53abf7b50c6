import type { Client } from 'pg'
import { vi } from 'vitest'

/** Resolves once so many connections wait for this one, directly or not. */
export async function waitersFor(client: Client, count: number): Promise<void> {
  const text = `
with recursive waiting as materialized (
  select distinct pid, pg_blocking_pids(pid) as blockers from pg_locks where not granted
), blocked as (
  select pg_backend_pid() as pid
  union
  select waiting.pid from waiting join blocked on blocked.pid = any (blockers)
)
select count(*)::integer - 1 as waiters from blocked`
  await vi.waitUntil(async () => (await client.query(text)).rows[0].waiters >= count, {
    timeout: 10_000,
    interval: 10,
  })
}
