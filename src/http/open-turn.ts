import type { Context } from 'hono'
import { storedProblem } from '../errors.ts'
import type { EndedTurn } from '../turn/complete-turn.ts'
import { runTurn } from '../turn/run-turn.ts'
import { type RunningTurn, startTurn } from '../turn/start-turn.ts'
import type { TurnProgress } from '../turn/turn-progress.ts'
import type { StoredReply, TurnRequest } from '../turn/turn.ts'
import type { AppEnv } from './app-env.ts'
import { clientAddress, missingCredential, userOrNewVisitor } from './caller.ts'
import { liveReply, type LiveReplyCalls } from './live/live-replies.ts'
import type { TurnFacts } from './turn-facts.ts'

/** A turn that was let through, and its next step: its reply is to be written, or was stored before. */
export interface OpenedTurn extends TurnFacts {
  userId: string
  next: { run: RunningTurn; live: LiveReplyCalls | undefined } | { replay: StoredReply }
}

/**
 * Makes a turn out of a request, for a route of any protocol. The object of its reply is started meanwhile, so that nobody
 * waits for it.
 * @throws Problem if the turn is refused: then nothing of it is stored
 */
export async function openTurn(c: Context<AppEnv>, request: TurnRequest): Promise<OpenedTurn> {
  if (request.sessionId !== undefined && c.get('userId') === undefined) throw missingCredential()
  const { userId, visitorToken } = await userOrNewVisitor(c)
  const caller = { userId, address: clientAddress(c.req.raw.headers) }
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work)
  const liveOf = (id: string) =>
    liveReply(c.env.LIVE_REPLIES, { replyId: id, requestId: c.get('requestId') })
  const newId = crypto.randomUUID()
  const likely = request.continues?.replyId ?? newId
  const woken = liveOf(likely)
  const starting = startTurn(c.get('deps'), caller, request, {
    replyId: newId,
    waitUntil,
    prepare: () => void woken?.wake(),
    endUnwatched: async (id) => (await liveOf(id)?.endUnwatched()) ?? false,
  })
  // If the client disconnects now, begin may still commit: keep it alive.
  waitUntil(starting.catch(() => {}))
  const { next, ...started } = await starting
  const opened = { ...started, userId, visitorToken, isReplay: 'replay' in next }
  if ('replay' in next) return { ...opened, replyId: next.replay.reply.id, next }
  const { key } = next.run
  // A failed reply that is tried again has kept its id.
  const live = key.replyId === likely ? woken : liveOf(key.replyId)
  return { ...opened, replyId: key.replyId, next: { run: next.run, live } }
}

/** Runs the turn in this Worker. If its client leaves, the platform ends it some time after. */
export function runHere(
  c: Context<AppEnv>,
  turn: RunningTurn,
  historyLimit: number,
): TurnProgress<EndedTurn> {
  return runTurn(c.get('deps'), turn, {
    requestId: c.get('requestId'),
    historyLimit,
    stop: new AbortController(),
    gone: c.get('gone'),
    waitUntil: (work) => c.executionCtx.waitUntil(work),
  })
}

/** How a turn ended whose reply was stored before. */
export function endOfReplay({ reply, errorCode }: StoredReply): EndedTurn {
  return {
    ...(reply.status !== 'failed' && { reply }),
    ...(reply.status !== 'complete' && { problem: storedProblem(errorCode) }),
    modelMs: 0,
    databaseMs: 0,
  }
}
