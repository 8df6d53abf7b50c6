import { Problem } from '../errors.ts'

/**
 * Calls the database until it answers, `attempts` times at most, all within `timeoutMs`: each attempt may use an
 * equal share of the time that is left. Only for calls that may run twice without harm, since one that was not
 * answered may have been committed.
 * @throws Problem `database_unavailable` after the last attempt; any other error at once
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
      const unanswered = error instanceof Problem && error.code === 'database_unavailable'
      if (!unanswered || left === 1 || Date.now() + options.pauseMs >= end) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, options.pauseMs))
  }
}
