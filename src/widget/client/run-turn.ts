import type { Message, TurnEvents } from '../../protocol.ts'
import type { ChatClient, Turn } from './chat-client.ts'
import { asFailure, ChatFailure, networkFailure, readProblem } from './chat-failure.ts'
import { backoffMs, type Sleep, sleepUntilOnline } from './sleep.ts'

export type TurnUpdate =
  /** The server has the message, and writes this reply. */
  | { type: 'accepted'; seq: number; replyId: string }
  /** The whole reply as far as it came. */
  | { type: 'text'; text: string }
  | { type: 'waiting'; for: Wait; waitMs: number }
  /** The session was gone: the turn goes on as the first of a new one. */
  | { type: 'restarted' }
  | { type: 'completed'; reply: Message }
  | { type: 'failed'; failure: ChatFailure }

/**
 * What is waited for: the `network`, by a message that is still here; the `connection` to a reply
 * that the server goes on with; a `reply` that is being written; a moment where more messages are
 * within the `limit`.
 */
export type Wait = 'network' | 'connection' | 'reply' | 'limit'

export interface TurnRun {
  signal: AbortSignal
  /** A reply that is being written already: its stream is joined where its text ends. */
  reply?: Pick<Message, 'id' | 'content'> | undefined
  /** Is given a way to end whatever is waited for: the reply is joined, or asked for, at once. */
  control?: { renew?: () => void }
  sleep?: Sleep
}

/** How often a turn that was accepted is asked for where the server is down. */
const maxLosses = 6
/** How long the server is obeyed when it says to come again: a whole reply, and a lease to run out. */
const maxRetryAfterMs = 180_000
const maxWaitMs = 60_000

/**
 * Runs a turn to its end under one `message_id`, so that the server keeps it once, however often
 * the connection is lost. A lost stream is joined again, which costs no call of the model; where
 * that cannot be, the turn is asked for again. The last update is `completed` or `failed`; there
 * is none once `signal` is aborted.
 */
export async function* runTurn(
  client: ChatClient,
  turn: Turn,
  { signal, reply, control = {}, sleep = sleepUntilOnline }: TurnRun,
): AsyncGenerator<TurnUpdate, void, undefined> {
  const progress: Progress = { replyId: reply?.id, text: reply?.content ?? '' }
  let accepted = reply !== undefined
  let restarted = false
  let ranAgain = false
  let losses = 0
  let toldMs = 0

  while (!signal.aborted) {
    const renewed = new AbortController()
    control.renew = () => renewed.abort()
    const whileWanted = AbortSignal.any([signal, renewed.signal])
    const { text } = progress
    const failure = yield* attempt(client, turn, progress, whileWanted)
    if (!failure || signal.aborted) return
    if (renewed.signal.aborted) continue
    if (progress.text.length > text.length) losses = 0

    const { status, code, retryAfterMs } = failure
    const joined = progress.replyId !== undefined
    accepted ||= joined
    if (status === 404 && accepted) {
      yield { type: 'failed', failure: new ChatFailure(404, { code: 'session_deleted' }) }
      return
    }
    if (!restarted && !turn.regenerate && client.forget(failure)) {
      restarted = true
      yield { type: 'restarted' }
      continue
    }
    // Whoever wrote the reply is gone and nothing of it was kept: it is written anew, once.
    const isDead = code === 'interrupted'
    if (isDead ? !ranAgain : joined && isRefusal(failure)) {
      ranAgain ||= isDead
      progress.replyId = undefined
      continue
    }
    const isTold =
      retryAfterMs !== undefined &&
      (status === 409 || code === 'rate_limited') &&
      toldMs < maxRetryAfterMs
    const isDown = accepted && !isDead && status >= 500 && losses < maxLosses
    const isLost = status === 0 || isDown
    if (!isTold && !isLost) {
      yield { type: 'failed', failure }
      return
    }
    const waitMs = Math.min(
      maxWaitMs,
      Math.max(retryAfterMs ?? 0, isTold ? 1000 : backoffMs(losses)),
    )
    if (isTold) toldMs += waitMs
    else losses += 1
    const lost = accepted ? 'connection' : 'network'
    const told = status === 429 ? 'limit' : 'reply'
    yield { type: 'waiting', for: isTold ? told : lost, waitMs }
    await sleep(waitMs, whileWanted)
  }
}

/** The stream cannot be joined here, but the turn may be asked for. */
function isRefusal({ status, code }: ChatFailure): boolean {
  return status >= 400 && status < 500 && code !== 'rate_limited'
}

interface Progress {
  /** Whose stream is joined; without it, the turn is asked for. */
  replyId: string | undefined
  text: string
}

/** One connection. Returns why it did not bring the turn's end; nothing where it did. */
async function* attempt(
  client: ChatClient,
  turn: Turn,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<TurnUpdate, ChatFailure | undefined, undefined> {
  const { replyId } = progress
  // The stream of a turn begins at the first character.
  if (replyId === undefined) progress.text = ''
  const events =
    replyId === undefined
      ? client.streamTurn(turn, signal)
      : client.joinReply({ id: replyId, from: progress.text.length }, signal)
  try {
    for await (const { event, data } of events) {
      if (event === 'turn.started') {
        const started: TurnEvents['turn.started'] = JSON.parse(data)
        client.enterSession(started.session_id, started.visitor_token)
        progress.replyId = started.reply_id
        yield { type: 'accepted', seq: started.message.seq, replyId: started.reply_id }
      } else if (event === 'delta') {
        const delta: TurnEvents['delta'] = JSON.parse(data)
        progress.text += delta.text
        yield { type: 'text', text: progress.text }
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
