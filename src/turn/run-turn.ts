import { describeFault, Problem } from '../errors.ts'
import { completeTurn, type CompleteOptions, type EndedTurn } from './complete-turn.ts'
import type { RunningTurn, TurnDeps } from './start-turn.ts'
import { createTurnProgress, type TurnProgress } from './turn-progress.ts'

/**
 * Runs a turn to its end, whether or not anybody watches, and logs what went wrong.
 * @param options.waitUntil keeps the turn alive after the response
 */
export function runTurn(
  deps: TurnDeps,
  turn: RunningTurn,
  {
    requestId,
    waitUntil,
    ...options
  }: CompleteOptions & { requestId: string; waitUntil: (work: Promise<void>) => void },
): TurnProgress<EndedTurn> {
  const progress = createTurnProgress<EndedTurn>(turn.continued?.reply.content)
  const run = completeTurn(deps, turn, progress, options)
    .catch((cause: unknown) => {
      const problem = new Problem('internal_error', { cause })
      progress.finish({ problem, modelMs: 0, databaseMs: 0 })
    })
    .then(async () => logFault(requestId, turn, await progress.ended))
  waitUntil(run)
  return progress
}

/** The access log cannot report it: a stream, or a reply that was kept, has a status of its own. */
function logFault(requestId: string, { key }: RunningTurn, { problem }: EndedTurn): void {
  if (problem === undefined) return
  const { sessionId, replyId } = key
  const { code } = problem
  const fault = describeFault(problem)
  const ids = { request_id: requestId, session_id: sessionId, reply_id: replyId }
  console.log(JSON.stringify({ ...ids, code, fault }))
}
