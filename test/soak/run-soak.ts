import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { newVisitor } from '../rigs/client.ts'
import { askUntilAnswered, type LedgerEntry, type SoakClient } from './ask-until-answered.ts'
import { type Audit, audit } from './audit.ts'
import { type SoakParts, startSoakParts } from './soak-parts.ts'
import { planTurns, type TurnPlan } from './turn-plan.ts'

export interface SoakOptions {
  turns: number
  clients: number
  /** After this time, no new turn begins. */
  limitMs: number
  seed: number
  /** How often workerd is killed, always in the first fifth, so that the last process shows whether its memory grows. */
  kills: number
}

export interface SoakReport {
  seconds: number
  ledger: LedgerEntry[]
  modelCalls: number
  faults: Map<string, number>
  audit: Audit
  connections: { max: number; end: number }
  /** MiB of the last workerd process, warm and at the end; undefined if the system does not report it. */
  memory: { warm: number | undefined; end: number | undefined }
}

/** Many clients at once, each with one turn at a time, of which one in twenty goes wrong. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const parts = await startSoakParts()
  const watcher = new Client({ connectionString: parts.connectionString })
  await watcher.connect()
  try {
    return await soak(options, parts, watcher)
  } finally {
    await watcher.end()
    await parts.close()
  }
}

async function soak(
  { turns, clients, limitMs, seed, kills }: SoakOptions,
  parts: SoakParts,
  watcher: Client,
): Promise<SoakReport> {
  const plans = planTurns(turns, seed)
  const ledger: LedgerEntry[] = []
  const connections = { max: 0, end: 0 }
  const killAt = Array.from({ length: kills }, (_, nth) =>
    Math.round((turns * (nth + 1)) / (5 * kills)),
  )
  const warmAt = Math.round(turns * 0.6)
  let memoryWarm: number | undefined
  let next = 0
  const beginsAt = performance.now()

  async function takeTurns(client: SoakClient) {
    while (next < turns && performance.now() - beginsAt < limitMs) {
      const number = (next += 1)
      const plan = plans[number - 1] as TurnPlan
      if (killAt.includes(number)) await parts.killWorker()
      if (number === warmAt) memoryWarm = await residentMebibytes(parts.pid())
      parts.arm(plan.fault)
      const message = messageOf(number, plan)
      ledger.push(await askUntilAnswered(() => parts.url(), client, { message, plan }))
    }
  }

  const ended = new AbortController()
  const watching = watch(watcher, connections, ended.signal)
  const visitors = await Promise.all(Array.from({ length: clients }, () => newVisitor(parts.url())))
  await Promise.all(visitors.map(({ token }) => takeTurns({ token, sessionId: undefined })))
  const seconds = (performance.now() - beginsAt) / 1_000
  ended.abort()
  await watching
  await parts.settled(watcher)
  return {
    seconds,
    ledger,
    modelCalls: [...parts.calls.values()].reduce((sum, each) => sum + each.length, 0),
    faults: parts.injected,
    audit: await audit(watcher, ledger, parts.calls),
    connections,
    memory: { warm: memoryWarm, end: await residentMebibytes(parts.pid()) },
  }
}

/** The number makes each message unique. A slow model lets a client disconnect in the middle. */
function messageOf(number: number, { words, fault }: TurnPlan): string {
  const directives = {
    model: fault?.of === 'model' ? `[[fault ${fault.directive} times=1 id=${number}]] ` : '',
    client: '[[fault pace ms=5]] ',
    database: '',
  }
  return `${fault ? directives[fault.of] : ''}Turn ${number}: write ${words} words.`
}

async function watch(watcher: Client, connections: SoakReport['connections'], ended: AbortSignal) {
  while (!ended.aborted) {
    const { rows } = await watcher.query<{ count: number }>(`
select count(*)::integer as count from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid()`)
    connections.end = rows[0]?.count ?? 0
    connections.max = Math.max(connections.max, connections.end)
    await sleep(200)
  }
}

async function residentMebibytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  return kibibytes === undefined ? undefined : Math.round(Number(kibibytes) / 1_024)
}
