import { attempt } from '../db/attempt.ts'
import { checkpointTurn, type Finished, finishTurn } from '../db/turns/finish-turn.ts'
import type { History } from '../db/messages.ts'
import type { TurnEnd } from '../db/turns/turn-end.ts'
import { describeFault, Problem } from '../errors.ts'
import type { CompletionUsage } from '../llm/chat-model.ts'
import type { Message, Usage } from '../protocol.ts'
import { keepCheckpoints } from './checkpoints.ts'
import { turnOverheadTokens } from './prompt/window.ts'
import { type Completion, readCompletion } from './read-completion.ts'
import type { RunningTurn, TurnDeps } from './start-turn.ts'
import { countTokens } from './tokens/token-count.ts'
import type { TurnProgress } from './turn-progress.ts'

/** How a turn ended. */
export interface EndedTurn {
  /** The reply as it is stored, where it holds text. */
  reply?: Message
  /** The session's newest messages, as many as were asked for. */
  history?: History
  /** Absent where the reply is complete. */
  problem?: Problem
  modelMs: number
  databaseMs: number
}

/** The platform ends a Worker 30 s after its client left; the rest of them is for storing. */
const leftAloneMs = 20_000
const checkpointTimeoutMs = 3_000
const finish = { attempts: 3, timeoutMs: 9_000, pauseMs: 500 } as const

/**
 * Reads the model's reply to its end and stores it, whoever watches: to be run under `waitUntil`. Never throws: how
 * it went is what `progress` ends with, and that comes after the commit.
 * @param options.gone aborted once the client has left
 */
export async function completeTurn(
  deps: TurnDeps,
  turn: RunningTurn,
  progress: TurnProgress<EndedTurn>,
  options: { gone: AbortSignal; historyLimit: number },
): Promise<void> {
  const beginsAt = Date.now()
  const stop = new AbortController()
  const checkpoints = keepCheckpoints({
    leaseMs: deps.settings.leaseMs,
    stop,
    save: () => checkpoint(deps, turn, progress.text),
  })
  const leaving = onceLeft(options.gone, checkpoints.saveNow, stop)

  const completion = await readCompletion(deps, turn, {
    signal: stop.signal,
    onText: (text) => progress.append(text),
  })
  checkpoints.end()
  leaving.end()

  const modelEndsAt = Date.now()
  const ended = await store(deps, turn, progress.text, completion, options.historyLimit)
  progress.end({
    ...ended,
    modelMs: modelEndsAt - beginsAt,
    databaseMs: Date.now() - modelEndsAt,
  })
}

/** The client may have asked for a stop before it left: so what it asked is looked up at once. */
function onceLeft(gone: AbortSignal, saveNow: () => void, stop: AbortController): { end(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  const left = () => {
    saveNow()
    const detail = 'The client left before the reply was whole'
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

async function checkpoint({ db, settings }: TurnDeps, turn: RunningTurn, content: string) {
  try {
    return await checkpointTurn(db, turn.key, {
      content,
      tokens: { message: turn.messageTokens, reply: countTokens(content) },
      leaseMs: settings.leaseMs,
      timeoutMs: checkpointTimeoutMs,
    })
  } catch (error) {
    const { sessionId, replyId } = turn.key
    const ids = { session_id: sessionId, reply_id: replyId }
    console.log(JSON.stringify({ ...ids, code: 'checkpoint_failed', fault: describeFault(error) }))
    return 'go_on'
  }
}

async function store(
  { db, settings }: TurnDeps,
  turn: RunningTurn,
  content: string,
  completion: Completion,
  historyLimit: number,
): Promise<Pick<EndedTurn, 'reply' | 'history' | 'problem'>> {
  const problem = problemOf(content, completion)
  const end: TurnEnd = {
    status: statusOf(content, completion),
    content,
    finishReason: completion.finishReason ?? null,
    errorCode: problem?.code ?? null,
    model: settings.model,
    ...tokensOf(turn, content, completion, settings.maxCompletionTokens),
    windowFrom: completion.windowFrom,
    overheadTokens: turnOverheadTokens,
    countedBy: settings.countedBy,
  }
  try {
    const finished = await attempt(
      (timeoutMs) => finishTurn(db, turn.key, end, { historyLimit, timeoutMs }),
      finish,
    )
    return toEnded(finished, problem)
  } catch (cause) {
    // The turn may still bear its lease, and until that ends a retry is told to wait.
    const retryAfterSeconds = Math.ceil(settings.leaseMs / 1_000)
    return { problem: new Problem('not_saved', { retryAfterSeconds, cause }) }
  }
}

/** Only a finish reason makes a reply complete: a stream that merely ended was cut off. */
function statusOf(content: string, { finishReason }: Completion): TurnEnd['status'] {
  if (content === '') return 'failed'
  return finishReason === undefined ? 'interrupted' : 'complete'
}

/** What went wrong; undefined where the reply is complete. A fault after the finish took nothing from the text. */
function problemOf(content: string, { finishReason, problem }: Completion): Problem | undefined {
  if (finishReason === undefined) return problem ?? new Problem('model_unavailable')
  return content === '' ? new Problem('model_empty_reply') : undefined
}

function tokensOf(
  turn: RunningTurn,
  content: string,
  completion: Completion,
  maxCompletionTokens: number,
) {
  const { usage } = completion
  const bytes = (text: string) => new TextEncoder().encode(text).length
  const tokens = { message: turn.messageTokens, reply: countTokens(content) }
  const replyTokens = usage ? usage.completionTokens - usage.reasoningTokens : 0
  // More tokens than bytes: it counts what is not in the text, such as reasoning that it does not tell.
  const isTold = replyTokens > 0 && replyTokens <= bytes(content)
  return {
    tokens,
    usage: usage && toUsage(usage),
    spent: spentOf(completion, tokens.reply, maxCompletionTokens),
    toldReplyTokens: isTold ? replyTokens : undefined,
    messageBytes: bytes(turn.rendered),
  }
}

function toUsage({ promptTokens, completionTokens }: CompletionUsage): Usage {
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens }
}

/** How many times o200k's count a provider's may be: 3.4 was seen. More is nonsense, and would end everybody's day. */
const believable = 8

/** What is paid for: as told, or what the prompt and the reply so far hold at most. No prompt is of no tokens. */
function spentOf(
  { usage, problem, promptTokens }: Completion,
  replyTokens: number,
  maxCompletionTokens: number,
): Usage {
  if (usage && usage.promptTokens > 0)
    return {
      prompt_tokens: Math.min(usage.promptTokens, believable * promptTokens),
      completion_tokens: Math.min(usage.completionTokens, believable * maxCompletionTokens),
    }
  if (problem?.options.isUnspent) return { prompt_tokens: 0, completion_tokens: 0 }
  return { prompt_tokens: promptTokens, completion_tokens: replyTokens }
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
