import { Problem } from '../../errors.ts'
import type { EndedTurn } from '../../turn/complete-turn.ts'
import { runTurn } from '../../turn/run-turn.ts'
import type { RunningTurn, TurnDeps } from '../../turn/start-turn.ts'
import type { TurnProgress } from '../../turn/turn-progress.ts'
import { type TurnNews, watch } from '../../turn/watch.ts'
import { rendererOf } from '../protocols/protocols.ts'
import { sseHeaders, streamOf } from '../sse.ts'
import {
  answerMs,
  type LiveEnd,
  type LiveMessage,
  readLiveMessage,
  writeEnded,
} from './live-message.ts'

/** The longest wait for the end of a turn that was told to end: its model call ends at once, and the store may be slow. */
const endMs = 10_000

interface LiveTurn {
  turn: RunningTurn
  progress: TurnProgress<EndedTurn>
  stop: AbortController
  /** Responses that wait for the turn, open streams and others. */
  watchers: number
  /** Whether its session was erased: it can no longer be joined. */
  isErased: boolean
}

/** News of the session that came before its turn did. */
interface EarlyNews {
  atMs: number
  stoppedLease?: string
  userId?: string
  isErased?: boolean
}

/**
 * A reply while it is written: runs its turn to the end, whether or not anybody watches, and shows it to everybody who
 * joins. It holds the turn in memory alone. An instance that does not hold the turn answers 404 ("not here") to
 * everything but a new turn: another instance of the same name may hold it, and only the database knows.
 */
export function createLiveReply(
  deps: () => TurnDeps,
  waitUntil: (work: Promise<void>) => void,
): { fetch: (request: Request) => Promise<Response> } {
  let live: LiveTurn | undefined
  let early: EarlyNews | undefined

  async function take(message: LiveMessage | undefined): Promise<Response> {
    switch (message?.kind) {
      case 'wake':
        // The settings are parsed now, and not in the time before the model.
        deps()
        return new Response(null, { status: 204 })
      case 'run':
        return run(message)
      case 'join':
        return live && mayJoin(live, message) ? show(live, message) : notHere()
      case 'stop':
        if (live?.turn.key.lease === message.lease) return end(live, new Problem('stopped'))
        return keep({ stoppedLease: message.lease })
      case 'end_unwatched':
        if (!live) return notHere()
        // A turn that was told to end is only waited for.
        if (live.watchers > 0 && !live.stop.signal.aborted) return ended(false)
        return end(live, new Problem('interrupted'))
      case 'moved':
        if (!live) return keep({ userId: message.userId })
        live.turn.userId = message.userId
        return new Response(null, { status: 204 })
      case 'erased':
        if (!live) return keep({ isErased: true })
        live.isErased = true
        live.stop.abort(new Problem('session_deleted'))
        return new Response(null, { status: 204 })
      case undefined:
        return notHere()
    }
  }

  /** For the turn, if it arrives within the time in which its sender expects an answer. */
  function keep(news: Omit<EarlyNews, 'atMs'>): Response {
    early = { ...early, ...news, atMs: Date.now() }
    return notHere()
  }

  function run(message: Extract<LiveMessage, { kind: 'run' }>): Response {
    const { turn, requestId, historyLimit } = message
    if (live?.turn.key.lease !== turn.key.lease) {
      // Two models must not work at once: the turn that was here has lost its lease to this one.
      live?.stop.abort(new Problem('interrupted'))
      live = start(turn, { requestId, historyLimit })
    }
    return message.rendering
      ? show(live, { ...message, rendering: message.rendering })
      : tellEnd(live)
  }

  function start(
    turn: RunningTurn,
    options: { requestId: string; historyLimit: number },
  ): LiveTurn {
    const stop = new AbortController()
    const news = early && Date.now() - early.atMs < answerMs ? early : undefined
    if (news?.stoppedLease === turn.key.lease) stop.abort(new Problem('stopped'))
    if (news?.isErased) stop.abort(new Problem('session_deleted'))
    const mine = { ...turn, userId: news?.userId ?? turn.userId }
    const progress = runTurn(deps(), mine, { ...options, stop, waitUntil })
    const started = { turn: mine, progress, stop, watchers: 0, isErased: news?.isErased ?? false }
    void forget(started)
    return started
  }

  /** From its end on, the database has the reply, and whatever becomes of it. */
  async function forget(one: LiveTurn): Promise<void> {
    await one.progress.ended
    if (live === one) live = undefined
  }

  return {
    async fetch(request) {
      return take(await readLiveMessage(request))
    },
  }
}

function mayJoin(
  { turn, isErased }: LiveTurn,
  { userId, sessionId }: Extract<LiveMessage, { kind: 'join' }>,
): boolean {
  return !isErased && turn.userId === userId && turn.key.sessionId === sessionId
}

function show(
  live: LiveTurn,
  { rendering, from }: Pick<Extract<LiveMessage, { kind: 'join' }>, 'rendering' | 'from'>,
): Response {
  const { opening } = rendering
  const body = watched(live, watch(live.progress, from), rendererOf(rendering), opening)
  return new Response(body, { headers: sseHeaders })
}

/** The headers come at once, so that the Worker knows that the turn runs here. */
function tellEnd(live: LiveTurn): Response {
  async function* news(): AsyncGenerator<EndedTurn, void> {
    yield await live.progress.ended
  }
  const body = watched(live, news(), writeEnded, '')
  return new Response(body, { headers: { 'content-type': 'application/json' } })
}

function watched<News extends TurnNews<EndedTurn> | EndedTurn>(
  live: LiveTurn,
  news: AsyncGenerator<News, void>,
  render: (news: News) => string,
  opening: string,
): ReadableStream<Uint8Array> {
  live.watchers += 1
  let isOpen = true
  const onClose = () => {
    if (isOpen) live.watchers -= 1
    isOpen = false
  }
  return streamOf(news, render, { opening, onClose })
}

async function end({ stop, progress }: LiveTurn, problem: Problem): Promise<Response> {
  stop.abort(problem)
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), endMs)
  })
  const isEnded = await Promise.race([progress.ended.then(() => true), late])
  clearTimeout(timer)
  return ended(isEnded)
}

function ended(isEnded: boolean): Response {
  return Response.json({ ended: isEnded } satisfies LiveEnd)
}

function notHere(): Response {
  return new Response(null, { status: 404 })
}
