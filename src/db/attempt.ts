import { Problem } from '../errors.ts'

const worthRepeating = ['database_unavailable', 'database_timeout']

/**
 * Calls the database until it answers, at most `attempts` times within `timeoutMs`. The next attempt begins `pauseMs` after
 * one has failed, and also where none has answered for an equal share of the time: an answer may be lost. Attempts that
 * run keep running, because a slow database would otherwise never answer any of them. The first answer counts. Only for
 * calls that may run twice, also at once, without harm.
 * @param call gets the time that it may take
 * @throws Problem `database_unavailable` or `database_timeout` after the last attempt; any other error at once
 */
export function attempt<Result>(
  call: (timeoutMs: number) => Promise<Result>,
  options: { attempts: number; timeoutMs: number; pauseMs: number },
): Promise<Result> {
  const { attempts, timeoutMs, pauseMs } = options
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  const end = Date.now() + timeoutMs
  let left = attempts
  let running = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  function startIn(ms: number) {
    clearTimeout(timer)
    if (left > 0 && Date.now() + ms < end) timer = setTimeout(start, ms)
  }

  function start() {
    left -= 1
    running += 1
    startIn(timeoutMs / attempts)
    call(Math.max(1, end - Date.now())).then(resolve, failed)
  }

  function failed(error: unknown) {
    running -= 1
    const isRepeated = error instanceof Problem && worthRepeating.includes(error.code)
    if (!isRepeated) return reject(error)
    startIn(pauseMs)
    const isLast = left === 0 || Date.now() + pauseMs >= end
    if (isLast && running === 0) reject(error)
  }

  start()
  return promise.finally(() => clearTimeout(timer))
}
