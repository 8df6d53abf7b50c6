import type { Message, TurnEvents } from '../protocol.ts'
import type { ChatClient, Turn } from './chat-client.ts'
import { ChatFailure, networkFailure, readProblem } from './chat-failure.ts'

export type TurnUpdate =
  /** The server has the message. */
  | { type: 'accepted' }
  /** The whole reply as far as it came. */
  | { type: 'text'; text: string }
  | { type: 'waiting'; for: 'connection' | 'reply' }
  /** The session was gone: the turn goes on as the first of a new one. */
  | { type: 'restarted' }
  | { type: 'completed'; reply: Message }
  | { type: 'failed'; failure: ChatFailure }

export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

/** The waits after a lost connection, before each further attempt. */
const BACKOFF_MS = [1000, 2000, 4000, 8000, 15_000, 15_000]
/** How long a turn that is still running is waited for: a whole reply and a lease to run out. */
const MAX_BUSY_MS = 180_000
const MAX_WAIT_MS = 60_000

/**
 * Runs a turn to its end under one `message_id`, so that the server keeps it once, however often
 * the connection is lost. The last update is `completed` or `failed`; there is none once `signal`
 * is aborted.
 */
export async function* runTurn(
  client: ChatClient,
  turn: Turn,
  signal: AbortSignal,
  sleep: Sleep = sleepUnlessAborted,
): AsyncGenerator<TurnUpdate, void, undefined> {
  let accepted = false
  let restarted = false
  let losses = 0
  let busyMs = 0

  while (!signal.aborted) {
    let failure: ChatFailure
    try {
      // A retry sends the reply from its first character.
      let text = ''
      failure = networkFailure()
      for await (const { event, data } of client.streamTurn(turn, signal)) {
        if (event === 'turn.started') {
          const started: TurnEvents['turn.started'] = JSON.parse(data)
          client.enterSession(started.session_id, started.visitor_token)
          accepted = true
          yield { type: 'accepted' }
        } else if (event === 'delta') {
          const delta: TurnEvents['delta'] = JSON.parse(data)
          text += delta.text
          yield { type: 'text', text }
        } else if (event === 'turn.completed') {
          const { reply }: TurnEvents['turn.completed'] = JSON.parse(data)
          yield { type: 'completed', reply }
          return
        } else if (event === 'turn.failed') {
          yield { type: 'failed', failure: new ChatFailure(502, readProblem(JSON.parse(data))) }
          return
        }
      }
    } catch (error) {
      failure = error instanceof ChatFailure ? error : networkFailure()
    }
    if (signal.aborted) return

    const { status, retryAfterMs } = failure
    if (!restarted && client.forget(failure)) {
      restarted = true
      accepted = false
      yield { type: 'restarted' }
      continue
    }
    const isBusy = status === 409 && retryAfterMs !== undefined && busyMs < MAX_BUSY_MS
    const isLost = status === 0 || (accepted && status >= 500)
    const backoffMs = isLost ? BACKOFF_MS[losses++] : undefined
    if (!isBusy && backoffMs === undefined) {
      yield { type: 'failed', failure }
      return
    }
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(retryAfterMs ?? 0, backoffMs ?? 1000))
    if (isBusy) busyMs += waitMs
    yield { type: 'waiting', for: isBusy ? 'reply' : 'connection' }
    await sleep(waitMs, signal)
  }
}

/** Resolves, never rejects: who slept looks at the signal. */
function sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
