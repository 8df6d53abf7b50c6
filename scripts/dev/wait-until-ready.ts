import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { DevError } from './dev-error.ts'

const Problem = z.object({ code: z.string(), title: z.string(), detail: z.string().optional() })

const pollEveryMs = 200
const pollTimeoutMs = 10_000

/**
 * Resolves when the Worker answers `/health/ready` with 200, however long that takes: what it waits for (a compute that
 * wakes, migrations, a source file that does not compile) can still come about.
 *
 * @param onWait called once with each reason that the Worker gives
 * @throws DevError where no waiting helps, which is a setting that was refused
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

/** Undefined where the Worker does not answer, or not as it does. */
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
