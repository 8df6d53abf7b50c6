import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { DevError } from './dev-error.ts'

const Problem = z.object({ code: z.string(), title: z.string(), detail: z.string().optional() })

const pollEveryMs = 200
const pollTimeoutMs = 10_000

/**
 * Resolves when the Worker answers `/health/ready` with 200. It waits without limit, because the cause can go away: a
 * compute wakes, migrations are applied, a source file compiles again.
 *
 * @param onWait called once with each reason that the Worker gives
 * @throws DevError if the Worker refuses a setting, because then waiting does not help
 */
export async function waitUntilReady(
  origin: string,
  onWait: (problem: { code: string; detail: string }) => void,
): Promise<void> {
  const told = new Set<string>()
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one after another
    const problem = await askReady(origin)
    if (problem === 'ready') return
    if (problem?.code === 'misconfigured') throw new DevError(problem.detail)
    if (problem && !told.has(problem.code)) onWait(problem)
    told.add(problem?.code ?? '')
    // oxlint-disable-next-line no-await-in-loop -- one after another
    await sleep(pollEveryMs)
  }
}

/** Undefined if nothing answers, or the answer is not the Worker's. */
async function askReady(origin: string) {
  try {
    const signal = AbortSignal.timeout(pollTimeoutMs)
    const response = await fetch(`${origin}/health/ready`, { signal })
    if (response.ok) return 'ready'
    const { code, title, detail = title } = Problem.parse(await response.json())
    return { code, detail }
  } catch {
    return undefined
  }
}
