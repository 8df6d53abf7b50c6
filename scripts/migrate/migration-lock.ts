import { setTimeout as sleep } from 'node:timers/promises'
import type { MigrationClient } from './migration-client.ts'

/** Any fixed pair will do, as long as every migrator of this project uses the same one. */
const lockKey = [7_301_142, 1]

const pollMs = 200

/**
 * Runs `work` while this session is the only migrator of its database. Waits without limit for another migrator, and
 * reports it. The server frees the lock when the session ends in any way.
 *
 * It polls, because `pg_advisory_lock` would wait within one statement: `create index concurrently` in the other migrator
 * waits for that statement to end, and the server would end one of the two as a deadlock.
 */
export async function withMigrationLock<Result>(
  client: MigrationClient,
  log: (line: string) => void,
  work: () => Promise<Result>,
): Promise<Result> {
  let announced = false
  while (!(await tryLock(client))) {
    if (!announced) log(`another migration is running${await holder(client)}, waiting`)
    announced = true
    await sleep(pollMs)
  }
  try {
    return await work()
  } finally {
    // If the connection is lost, the server has freed the lock already.
    await client.query('select pg_advisory_unlock($1::int, $2::int)', lockKey).catch(() => {})
  }
}

async function tryLock(client: MigrationClient): Promise<boolean> {
  const { rows } = await client.query(
    'select pg_try_advisory_lock($1::int, $2::int) as locked',
    lockKey,
  )
  return rows[0]?.locked === true
}

/** The process to look for in pg_stat_activity if the wait takes too long. */
async function holder(client: MigrationClient): Promise<string> {
  const { rows } = await client.query(
    `select l.pid from pg_locks l
     where l.locktype = 'advisory' and l.granted and l.objsubid = 2
       and l.database = (select oid from pg_database where datname = current_database())
       and l.classid::bigint = $1::int and l.objid::bigint = $2::int`,
    lockKey,
  )
  return rows[0] ? ` (server process ${String(rows[0].pid)})` : ''
}
