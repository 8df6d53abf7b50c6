import type { Context } from 'hono'
import { listMessages } from '../db/list-messages.ts'
import { storedProblem } from '../errors.ts'
import type { Message } from '../protocol.ts'
import type { EndedTurn } from '../turn/complete-turn.ts'
import { runTurn } from '../turn/run-turn.ts'
import { startTurn } from '../turn/start-turn.ts'
import { createTurnProgress, type TurnProgress } from '../turn/turn-progress.ts'
import type { StoredReply, TurnRequest } from '../turn/turn.ts'
import type { AppEnv } from './app-env.ts'
import { clientAddress, missingCredential, userOrNewVisitor } from './caller.ts'

/** A turn that was let through: its message is stored, and `progress` shows its reply. */
export interface OpenedTurn {
  sessionId: string
  message: Message
  replyId: string
  /** Set if the caller had no credential and became a new visitor. */
  visitorToken?: string | undefined
  /** Whether the reply was stored before. */
  isReplay: boolean
  /** Of `begin`. */
  databaseMs: number
  progress: TurnProgress<EndedTurn>
}

/**
 * Makes a turn out of a request, for a route of any protocol. The turn ends by itself, also after the client has left.
 * @param options.historyLimit how many of the session's newest messages the turn's end is to contain
 * @throws Problem if the turn is refused: then nothing of it is stored
 */
export async function openTurn(
  c: Context<AppEnv>,
  request: TurnRequest,
  options: { historyLimit: number },
): Promise<OpenedTurn> {
  if (request.sessionId !== undefined && c.get('userId') === undefined) throw missingCredential()
  const { userId, visitorToken } = await userOrNewVisitor(c)
  const caller = { userId, address: clientAddress(c.req.raw.headers) }
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work)
  const replyId = crypto.randomUUID()
  const starting = startTurn(c.get('deps'), caller, request, { replyId, waitUntil })
  // If the client disconnects now, begin may still commit: keep it alive.
  waitUntil(starting.catch(() => {}))
  const { next, ...started } = await starting
  const opened = { ...started, visitorToken, isReplay: 'replay' in next }
  if ('run' in next) {
    const progress = runTurn(c.get('deps'), next.run, {
      requestId: c.get('requestId'),
      historyLimit: options.historyLimit,
      stop: new AbortController(),
      gone: c.get('gone'),
      waitUntil,
    })
    return { ...opened, replyId: next.run.key.replyId, progress }
  }
  const range = { userId, sessionId: started.sessionId, limit: options.historyLimit }
  return {
    ...opened,
    replyId: next.replay.reply.id,
    progress: await replayTurn(c, range, next.replay),
  }
}

async function replayTurn(
  c: Context<AppEnv>,
  range: { userId: string; sessionId: string; limit: number },
  { reply, errorCode }: StoredReply,
): Promise<TurnProgress<EndedTurn>> {
  const history = range.limit > 0 ? await listMessages(c.get('deps').db, range) : undefined
  const progress = createTurnProgress<EndedTurn>()
  progress.append(reply.content)
  progress.finish({
    ...(reply.status !== 'failed' && { reply }),
    ...(history && { history }),
    ...(reply.status !== 'complete' && { problem: storedProblem(errorCode) }),
    modelMs: 0,
    databaseMs: 0,
  })
  return progress
}
