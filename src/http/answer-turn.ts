import type { Context } from 'hono'
import { listMessages } from '../db/list-messages.ts'
import { findReply, type History } from '../db/messages.ts'
import { Problem } from '../errors.ts'
import type { EndedTurn } from '../turn/complete-turn.ts'
import { createTurnProgress } from '../turn/turn-progress.ts'
import type { StoredReply, TurnRequest } from '../turn/turn.ts'
import { type TurnNews, watch } from '../turn/watch.ts'
import type { AppEnv } from './app-env.ts'
import { endOfReplay, type OpenedTurn, openTurn, runHere } from './open-turn.ts'
import { type Rendering, rendererOf } from './protocols/protocols.ts'
import { sseHeaders, streamOf } from './sse.ts'
import { watchStored } from './watch-stored.ts'

/**
 * Opens a turn and answers with its stream. The reply is written in an object of its own, whose answer the Worker passes
 * on as it is; without such an object, it is written in this Worker.
 * @param renderingOf gets the place in the text at which the stream begins, in UTF-16 units
 * @throws Problem if the turn is refused
 */
export async function streamTurn(
  c: Context<AppEnv>,
  request: TurnRequest,
  renderingOf: (turn: OpenedTurn, from: number) => Rendering,
): Promise<Response> {
  const turn = await openTurn(c, request)
  const from = placeIn(turn, request.continues?.from)
  const body = await bodyOf(c, turn, { rendering: renderingOf(turn, from), from })
  return c.body(body, 200, sseHeaders)
}

/**
 * The place in the text at which the stream begins. A client that knows more than is stored gets all of it: its text begins
 * anew.
 */
function placeIn({ next }: OpenedTurn, known = 0): number {
  const stored = 'replay' in next ? next.replay : next.run.continued
  return known <= (stored?.reply.content.length ?? 0) ? known : 0
}

async function bodyOf(
  c: Context<AppEnv>,
  turn: OpenedTurn,
  { rendering, from }: { rendering: Rendering; from: number },
): Promise<ReadableStream> {
  const show = (news: AsyncGenerator<TurnNews<EndedTurn>, void>) =>
    streamOf(news, rendererOf(rendering), { opening: rendering.opening })
  const { next } = turn
  if ('replay' in next) return show(watch(replayed(next.replay), from))
  const { run, live } = next
  const handOver = live?.run({
    turn: run,
    requestId: c.get('requestId'),
    historyLimit: 0,
    from,
    rendering,
  })
  // The object must get the turn also if the client disconnects now.
  if (handOver) c.executionCtx.waitUntil(handOver)
  const answer = (await handOver) ?? 'not_here'
  if (answer === 'not_here') return show(watch(runHere(c, run, 0), from))
  if (answer === 'unknown') return show(watchUnknown(c, turn, from))
  return answer.here
}

/**
 * Opens a turn and waits for its end.
 * @param options.historyLimit how many of the session's newest messages the end is to contain
 * @throws Problem if the turn is refused
 */
export async function awaitTurn(
  c: Context<AppEnv>,
  request: TurnRequest,
  { historyLimit }: { historyLimit: number },
): Promise<{ turn: OpenedTurn; ended: EndedTurn }> {
  const turn = await openTurn(c, request)
  const { next } = turn
  if ('replay' in next) {
    const history = await historyOf(c, turn, historyLimit)
    return { turn, ended: { ...endOfReplay(next.replay), ...history } }
  }
  const { run, live } = next
  const handOver = live?.runToEnd({
    turn: run,
    requestId: c.get('requestId'),
    historyLimit,
    from: 0,
  })
  if (handOver) c.executionCtx.waitUntil(handOver)
  const answer = (await handOver) ?? 'not_here'
  if (answer === 'not_here') return { turn, ended: await runHere(c, run, historyLimit).ended }
  // An object that dies leaves a reply that only the database can tell about.
  const ended = answer === 'unknown' ? undefined : await answer.here.catch(() => undefined)
  return { turn, ended: ended ?? (await endOfUnknown(c, turn, historyLimit)) }
}

function replayed(stored: StoredReply) {
  const progress = createTurnProgress<EndedTurn>(stored.reply.content)
  progress.finish(endOfReplay(stored))
  return progress
}

/**
 * Watches a turn that an object may or may not run. Nobody else may run it while it has its lease, or two models could
 * work at once. Without the database, it ends without an end, and the client joins the reply.
 */
async function* watchUnknown(
  c: Context<AppEnv>,
  { userId, sessionId, replyId }: OpenedTurn,
  from: number,
): AsyncGenerator<TurnNews<EndedTurn>, void> {
  const { db } = c.get('deps')
  const session = { userId, sessionId }
  const first = await findReply(db, { ...session, id: replyId }).catch(() => 'failed' as const)
  if (first === 'failed') return
  if (first === undefined) yield { kind: 'end', end: endedBy(new Problem('session_deleted')) }
  else yield* watchStored(db, session, first, from)
}

async function endOfUnknown(
  c: Context<AppEnv>,
  turn: OpenedTurn,
  historyLimit: number,
): Promise<EndedTurn> {
  for await (const news of watchUnknown(c, turn, 0)) {
    if (news.kind !== 'end') continue
    // Without the history, the answer says that there is more.
    return { ...news.end, ...(await historyOf(c, turn, historyLimit).catch(() => ({}))) }
  }
  return endedBy(new Problem('turn_running', { retryAfterSeconds: 2 }))
}

function endedBy(problem: Problem): EndedTurn {
  return { problem, modelMs: 0, databaseMs: 0 }
}

async function historyOf(
  c: Context<AppEnv>,
  { userId, sessionId }: OpenedTurn,
  limit: number,
): Promise<{ history?: History }> {
  if (limit === 0) return {}
  const range = { userId, sessionId, limit }
  const history = await listMessages(c.get('deps').db, range)
  return history ? { history } : {}
}
