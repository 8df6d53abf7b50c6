import type { Message, TurnEvents } from '../../protocol.ts'
import type { ChatClient, Turn } from './chat-client.ts'
import { asFailure, ChatFailure, networkFailure, readProblem } from './chat-failure.ts'
import { backoffMs, type Sleep, sleepUntilOnline } from './sleep.ts'

export type TurnUpdate =
  /** The server has stored the message and writes this reply. */
  | { type: 'accepted'; seq: number; replyId: string }
  /** The model thinks: it works on the reply, which has no text, or none any more. */
  | { type: 'thinking' }
  /** The stream of the running reply is open. More of it may take a while. */
  | { type: 'joined' }
  /** The whole text of the reply so far. */
  | { type: 'text'; text: string }
  | { type: 'waiting'; for: Wait; waitMs: number }
  /** The session no longer exists. The turn continues as the first of a new one. */
  | { type: 'restarted' }
  | { type: 'completed'; reply: Message }
  | { type: 'failed'; failure: ChatFailure }

/**
 * The reason for a wait, by the name of its text. `waitingForNetwork`: the message could not be sent. `reconnecting`: the
 * connection to a running reply was lost. `stillRunning`: another reply is still being written. `waitingForLimit`: too
 * many messages in a short time.
 */
export type Wait = 'waitingForNetwork' | 'reconnecting' | 'stillRunning' | 'waitingForLimit'

export interface TurnRun {
  signal: AbortSignal
  /**
   * The reply that the turn continues, with its text. For any other turn, a running reply: its stream is joined at the
   * end of this text, and the message is not sent.
   */
  reply?: Pick<Message, 'id' | 'content'> | undefined
  /** Receives a function that reconnects at once, instead of waiting. */
  control?: { renew?: () => void }
  sleep?: Sleep
}

/** The number of attempts to reach a server that is down after it has accepted the turn. */
const maxLosses = 6
/** The limit of all `Retry-After` waits together: a whole reply, and a lease that must expire. */
const maxRetryAfterMs = 180_000
const maxWaitMs = 60_000

/**
 * Runs a turn to its end under one `message_id`, so that the server stores it once, however often the connection is
 * lost. A lost stream is joined again, which does not call the model. If it cannot be joined, the turn is sent again.
 * The last update is `completed` or `failed`. After `signal` is aborted there are no more updates.
 */
export async function* runTurn(
  client: ChatClient,
  turn: Turn,
  { signal, reply, control = {}, sleep = sleepUntilOnline }: TurnRun,
): AsyncGenerator<TurnUpdate, void, undefined> {
  const { continue: place } = turn
  const text = reply?.content ?? ''
  const progress: Progress = { replyId: place ? undefined : reply?.id, text, from: text.length }
  let accepted = reply !== undefined
  let restarted = false
  let ranAgain = false
  let losses = 0
  let busyMs = 0

  while (!signal.aborted) {
    const renewed = new AbortController()
    control.renew = () => renewed.abort()
    const whileWanted = AbortSignal.any([signal, renewed.signal])
    const { length } = progress.text
    const failure = yield* attempt(client, turn, progress, whileWanted)
    if (!failure || signal.aborted) return
    if (renewed.signal.aborted) continue
    if (progress.text.length > length) losses = 0

    const { status, code, retryAfterMs } = failure
    const joined = progress.replyId !== undefined
    accepted ||= joined
    // Somebody else continues the reply.
    if (place && code === 'turn_running' && busyMs === 0) {
      progress.replyId = place.id
      busyMs = 1
      continue
    }
    if (status === 404 && accepted) {
      yield { type: 'failed', failure: new ChatFailure(404, { code: 'session_deleted' }) }
      return
    }
    if (!restarted && !turn.regenerate && client.forget(failure)) {
      restarted = true
      yield { type: 'restarted' }
      continue
    }
    // The Worker that wrote the reply has died and stored nothing of it: send the turn again, once.
    const isDead = code === 'interrupted'
    if (isDead ? !ranAgain : joined && isRefusal(failure)) {
      ranAgain ||= isDead
      progress.replyId = undefined
      continue
    }
    const isBusy =
      retryAfterMs !== undefined &&
      (status === 409 || code === 'rate_limited') &&
      busyMs < maxRetryAfterMs
    const isDown = accepted && !isDead && status >= 500 && losses < maxLosses
    const isLost = status === 0 || isDown
    if (!isBusy && !isLost) {
      yield { type: 'failed', failure }
      return
    }
    const waitMs = Math.min(
      maxWaitMs,
      Math.max(retryAfterMs ?? 0, isBusy ? 1_000 : backoffMs(losses)),
    )
    if (isBusy) busyMs += waitMs
    else losses += 1
    const lost = accepted ? 'reconnecting' : 'waitingForNetwork'
    const busy = status === 429 ? 'waitingForLimit' : 'stillRunning'
    yield { type: 'waiting', for: isBusy ? busy : lost, waitMs }
    await sleep(waitMs, whileWanted)
  }
}

/** The server refuses to join the stream, but may still accept the turn. */
function isRefusal({ status, code }: ChatFailure): boolean {
  return status >= 400 && status < 500 && code !== 'rate_limited'
}

interface Progress {
  /** The reply whose stream to join; undefined to send the turn. */
  replyId: string | undefined
  text: string
  /** The place at which to join: the text after it may be thinking. */
  from: number
}

/** One connection. Returns the reason if it did not end the turn. */
async function* attempt(
  client: ChatClient,
  turn: Turn,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<TurnUpdate, ChatFailure | undefined, undefined> {
  const { replyId, from } = progress
  const events =
    replyId === undefined
      ? client.streamTurn(turn, signal)
      : client.joinReply({ id: replyId, from }, signal)
  try {
    for await (const { event, data, id } of events) {
      if (event === 'turn.started') {
        const started: TurnEvents['turn.started'] = JSON.parse(data)
        client.enterSession(started.session_id, started.visitor_token)
        progress.replyId = started.reply_id
        yield { type: 'accepted', seq: started.message.seq, replyId: started.reply_id }
      } else if (event === 'delta') {
        const delta: TurnEvents['delta'] = JSON.parse(data)
        // The id is the length of the text with this piece. It can be less than before: the text so far was thinking,
        // or the turn was sent again.
        progress.text = progress.text.slice(0, Number(id) - delta.text.length) + delta.text
        progress.from = progress.text.length
        yield { type: 'text', text: progress.text }
      } else if (event === 'open' && replyId !== undefined) {
        yield { type: 'joined' }
      } else if (event === 'turn.thinking') {
        // All new text so far was thinking too. The next piece takes its place.
        progress.from = turn.continue?.from ?? 0
        yield { type: 'thinking' }
      } else if (event === 'turn.completed') {
        const completed: TurnEvents['turn.completed'] = JSON.parse(data)
        yield { type: 'completed', reply: completed.reply }
        return undefined
      } else if (event === 'turn.failed') {
        const failure = new ChatFailure(502, readProblem(JSON.parse(data)))
        if (replyId !== undefined && failure.code === 'interrupted' && !failure.reply)
          return failure
        yield { type: 'failed', failure }
        return undefined
      }
    }
  } catch (error) {
    return asFailure(error)
  }
  return networkFailure()
}
