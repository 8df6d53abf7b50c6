import { attempt } from '../db/attempt.ts'
import type { History } from '../db/messages.ts'
import { checkpointTurn, type Finished, finishTurn } from '../db/turns/finish-turn.ts'
import { describeFault, Problem } from '../errors.ts'
import type { Message } from '../protocol.ts'
import { keepCheckpoints } from './checkpoints.ts'
import { messageOf, turnEndOf } from './ended-turn.ts'
import { type PromptPart, sentPrompt } from './prompt/parts.ts'
import { type Completion, readCompletion } from './read-completion.ts'
import { turnTerms } from './recall/terms.ts'
import type { RunningTurn, TurnDeps } from './start-turn.ts'
import { countTokens } from './tokens/token-count.ts'
import type { TurnProgress } from './turn-progress.ts'

/** How a turn ended. */
export interface EndedTurn {
  /** The reply as it is stored, if it has text. */
  reply?: Message
  /** The session's newest messages, as many as were asked for. */
  history?: History
  /** Absent if the reply is complete. */
  problem?: Problem
  modelMs: number
  databaseMs: number
}

/** The platform ends a Worker 30 s after its client left. The rest of them is for storing the reply. */
const leftAloneMs = 20_000
const checkpointTimeoutMs = 3_000
const finish = { attempts: 3, timeoutMs: 9_000, pauseMs: 500 } as const

export interface CompleteOptions {
  /** How many of the session's newest messages the result is to contain. */
  historyLimit: number
  /** Ends the completion; its reason is the problem of the turn. */
  stop: AbortController
  /** Aborts once the client has left; absent where the turn does not end with it. */
  gone?: AbortSignal | undefined
}

/**
 * Reads the model's reply to its end and stores it, whether or not anybody watches: run it under `waitUntil`. Never
 * throws: `progress` ends with the result, after the commit.
 */
export async function completeTurn(
  deps: TurnDeps,
  turn: RunningTurn,
  progress: TurnProgress<EndedTurn>,
  { historyLimit, stop, gone }: CompleteOptions,
): Promise<void> {
  const beginsAt = Date.now()
  let sent: readonly PromptPart[] = turn.prompt
  const checkpoints = keepCheckpoints({
    leaseMs: deps.settings.leaseMs,
    stop,
    save: () => checkpoint(deps, turn, sent, progress.text),
  })
  const leaving = gone && onceLeft(gone, checkpoints.saveNow, stop)

  const completion = await readCompletion(deps, turn, {
    signal: stop.signal,
    onPrompt: (prompt) => {
      sent = prompt
    },
    onText: (text) => progress.append(text),
    onThinking: () => progress.think(),
    onTakeBack: () => progress.takeBack(),
  })
  checkpoints.end()
  leaving?.end()

  const modelEndsAt = Date.now()
  const ended = await store(deps, turn, progress.text, completion, historyLimit)
  progress.finish({
    ...ended,
    modelMs: modelEndsAt - beginsAt,
    databaseMs: Date.now() - modelEndsAt,
  })
}

/** Checkpoints at once, since the client may have asked for a stop before it left. */
function onceLeft(gone: AbortSignal, saveNow: () => void, stop: AbortController): { end(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  const left = () => {
    saveNow()
    const detail = 'The client left before the reply was complete'
    timer = setTimeout(() => stop.abort(new Problem('interrupted', { detail })), leftAloneMs)
  }
  if (gone.aborted) left()
  else gone.addEventListener('abort', left, { once: true })
  return {
    end() {
      gone.removeEventListener('abort', left)
      clearTimeout(timer)
    },
  }
}

async function checkpoint(
  { db, settings }: TurnDeps,
  { key, asked }: RunningTurn,
  prompt: readonly PromptPart[],
  content: string,
) {
  const progress = {
    content,
    ...turnTerms(asked.message, asked.contextText, content),
    tokens: { message: messageOf(prompt).tokens, reply: countTokens(content) },
    sent: sentPrompt(prompt),
    leaseMs: settings.leaseMs,
  }
  try {
    return await checkpointTurn(db, key, progress, { timeoutMs: checkpointTimeoutMs })
  } catch (error) {
    const ids = { session_id: key.sessionId, reply_id: key.replyId }
    console.log(JSON.stringify({ ...ids, code: 'checkpoint_failed', fault: describeFault(error) }))
    return 'go_on'
  }
}

async function store(
  { db, settings }: TurnDeps,
  { key, asked, continued }: RunningTurn,
  content: string,
  completion: Completion,
  historyLimit: number,
): Promise<Pick<EndedTurn, 'reply' | 'history' | 'problem'>> {
  const { problem, ...result } = turnEndOf(settings, content, completion, continued)
  const end = { ...result, ...turnTerms(asked.message, asked.contextText, content) }
  const stored = (limit: number) =>
    attempt((timeoutMs) => finishTurn(db, key, end, { historyLimit: limit, timeoutMs }), finish)
  try {
    // Without an answer, nobody knows whether the reply was stored: the repeat finds out.
    const finished = await stored(historyLimit).catch((error: unknown) => {
      if (isTooLarge(error)) return stored(0)
      throw error
    })
    return toEnded(finished, problem)
  } catch (cause) {
    // The turn may still hold its lease: a retry has to wait until that expires.
    const retryAfterSeconds = Math.ceil(settings.leaseMs / 1_000)
    return { problem: new Problem('not_saved', { retryAfterSeconds, cause }) }
  }
}

/** Neon refuses an answer that is too large; only the history can be. */
function isTooLarge(error: unknown): boolean {
  return error instanceof Problem && error.code === 'data_too_large'
}

function toEnded(
  finished: Finished,
  problem: Problem | undefined,
): Pick<EndedTurn, 'reply' | 'history' | 'problem'> {
  switch (finished.outcome) {
    case 'session_deleted':
      return { problem: new Problem('session_deleted') }
    case 'taken_over':
      return {
        problem: new Problem('not_saved', { detail: 'Another request took this turn over' }),
      }
    case 'stored': {
      const { reply, history } = finished
      return {
        ...(reply.status !== 'failed' && { reply, history }),
        ...(problem !== undefined && { problem }),
      }
    }
  }
}
