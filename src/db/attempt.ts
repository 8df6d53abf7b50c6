import { Problem } from '../errors.ts'

const worthRepeating = ['database_unavailable', 'database_timeout']

/**
 * Calls the database until it answers, at most `attempts` times and within `timeoutMs`. Each attempt may use an equal
 * share of the remaining time. Only for calls that may run twice without harm, because a call without an answer may
 * have been committed.
 * @throws Problem `database_unavailable` or `database_timeout` after the last attempt; any other error at once
 */
export async function attempt<Result>(
  call: (timeoutMs: number) => Promise<Result>,
  options: { attempts: number; timeoutMs: number; pauseMs: number },
): Promise<Result> {
  const end = Date.now() + options.timeoutMs
  for (let left = options.attempts; ; left -= 1) {
    try {
      return await call(Math.max(1, Math.floor((end - Date.now()) / left)))
    } catch (error) {
      const isRepeated = error instanceof Problem && worthRepeating.includes(error.code)
      if (!isRepeated || left === 1 || Date.now() + options.pauseMs >= end) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, options.pauseMs))
  }
}
