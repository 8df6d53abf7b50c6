import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'
import { completeTurn, type EndedTurn } from '../turn/complete-turn.ts'
import type { RunningTurn } from '../turn/start-turn.ts'
import { createTurnProgress, type TurnProgress } from '../turn/turn-progress.ts'
import { listMessages, type StoredReply } from '../db/messages.ts'
import { describeFault, Problem, storedProblem } from '../errors.ts'

/** Sets a turn going, which ends by itself: the platform keeps it when the client has left. */
export function runTurn(
  c: Context<AppEnv>,
  turn: RunningTurn,
  historyLimit: number,
): TurnProgress<EndedTurn> {
  const progress = createTurnProgress<EndedTurn>()
  const run = completeTurn(c.get('deps'), turn, progress, { gone: c.get('gone'), historyLimit })
    .catch((cause: unknown) => {
      const problem = new Problem('internal_error', { cause })
      progress.end({ problem, modelMs: 0, databaseMs: 0 })
    })
    .then(async () => logFault(c.get('requestId'), turn, await progress.ended))
  c.executionCtx.waitUntil(run)
  return progress
}

/** What the line of the request can't tell: a stream, or a reply that was kept, has a status of its own. */
function logFault(requestId: string, { key }: RunningTurn, { problem }: EndedTurn): void {
  if (problem === undefined) return
  const { sessionId, replyId } = key
  const { code } = problem
  const fault = describeFault(problem)
  const ids = { request_id: requestId, session_id: sessionId, reply_id: replyId }
  console.log(JSON.stringify({ ...ids, code, fault }))
}

/** What came of a turn before. */
export async function replayTurn(
  c: Context<AppEnv>,
  userId: string,
  sessionId: string,
  { reply, errorCode }: StoredReply,
  historyLimit: number,
): Promise<TurnProgress<EndedTurn>> {
  const history =
    historyLimit > 0
      ? await listMessages(c.get('deps').db, { userId, sessionId, limit: historyLimit })
      : undefined
  const progress = createTurnProgress<EndedTurn>()
  progress.append(reply.content)
  progress.end({
    reply,
    ...(history && { history }),
    ...(reply.status === 'interrupted' && { problem: storedProblem(errorCode) }),
    modelMs: 0,
    databaseMs: 0,
  })
  return progress
}
