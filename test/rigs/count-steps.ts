import { Session } from 'node:inspector/promises'
import { setFlagsFromString } from 'node:v8'

/**
 * Counts the steps of the files whose path contains `folder`, if they are imported after this call. A step is one run
 * of a block of JavaScript, so the count does not depend on the machine. It does not see what happens inside a regular
 * expression.
 */
export async function countSteps(
  folder: string,
): Promise<{ steps: () => Promise<number>; stop: () => void }> {
  // Code that is optimized, or thrown away as old, loses counts.
  setFlagsFromString('--no-opt')
  setFlagsFromString('--no-sparkplug')
  setFlagsFromString('--no-maglev')
  setFlagsFromString('--no-flush-bytecode')
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  let total = 0
  return {
    async steps() {
      // Each answer has the counts since the one before.
      const { result } = await session.post('Profiler.takePreciseCoverage')
      const scripts = result.filter(({ url }) => url.includes(folder))
      for (const { functions } of scripts) {
        for (const { count } of functions.flatMap(({ ranges }) => ranges)) total += count
      }
      return total
    },
    stop: () => session.disconnect(),
  }
}
