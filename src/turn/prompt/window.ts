/**
 * Tokens that chat formats add: OpenAI's 4 for each message and 3 for the reply that follows (OpenAI cookbook, "How to
 * count tokens with tiktoken").
 */
export const overhead = { messageTokens: 4, replyTokens: 3 } as const

/** Overhead of a whole turn: of its message and its reply. */
export const turnOverheadTokens = 2 * overhead.messageTokens

export interface WindowSettings {
  maxTurns: number
  /** The limit of prompt and reply together. */
  tokenBudget: number
  /** The reserve for the reply. */
  maxCompletionTokens: number
  /** Of the system prompt, without overhead. */
  systemTokens: number
}

/** The tokens of a prompt beside its history: system prompt and new message, overhead included. */
export function fixedTokens({ systemTokens }: WindowSettings, messageTokens: number): number {
  return systemTokens + messageTokens + turnOverheadTokens + overhead.replyTokens
}

/** The room for the history beside system prompt, new message and reply; negative if the message cannot fit. */
export function historyTokens(settings: WindowSettings, messageTokens: number): number {
  const { tokenBudget, maxCompletionTokens } = settings
  return tokenBudget - maxCompletionTokens - fixedTokens(settings, messageTokens)
}

/**
 * The part of the history's room that recalled turns may take, if the window does not hold the whole session.
 * @param room as `historyTokens` returns it
 */
export function recallTokens(
  { maxTurns, recall }: { maxTurns: number; recall: { tokens: number } },
  room: number,
): number {
  if (maxTurns === 0 || room <= 0) return 0
  return Math.min(recall.tokens, Math.floor(room / 2))
}

export interface WindowRoom {
  maxTurns: number
  /** The room for the history. */
  tokens: number
  /** The part of it that is kept for recalled turns; absent: 0. */
  recallTokens?: number | undefined
  /** Turns of other sessions may be recalled: the recall tokens are kept even if the whole session fits. */
  recallsElsewhere?: boolean | undefined
}

interface CountedTurn {
  /** Of the user's message. */
  seq: number
  /** Overhead included. */
  tokens: number
}

/**
 * The whole turns that the model is sent, up to the newest, oldest first. If all of the newest `maxTurns` turns fit, they
 * are the window. Otherwise it begins at the roundest turn between "just fits" and half of that, so that the
 * beginning of the prompt stays the same for many turns, and the provider can reuse it from its cache.
 *
 * More room never means fewer turns. `most` grows with the room, so both ends of the range of turns that the window may
 * begin at only move to older turns. A newer turn than the one chosen before is therefore in the new range only if it was
 * in the old one, where it lost. With recall it holds too: a session that fits is sent whole, and otherwise
 * `tokens - recallTokens` grows with `tokens`, since recall gets at most half of the room.
 * @param turns all of the session, or at least the newest `maxTurns + 1`; oldest first, `seq` ascending
 */
export function selectWindow<Turn extends CountedTurn>(
  turns: readonly Turn[],
  { maxTurns, tokens, recallTokens: kept = 0, recallsElsewhere = false }: WindowRoom,
): Turn[] {
  const isWhole = !recallsElsewhere && turns.length <= maxTurns && sumTokens(turns) <= tokens
  const fitting = newestTurns(turns, { maxTurns, tokens: isWhole ? tokens : tokens - kept })
  if (fitting.length === Math.min(maxTurns, turns.length)) return fitting

  const most = sumTokens(fitting)
  let total = most
  let first = 0
  let roundest = 0
  for (const [place, turn] of fitting.entries()) {
    if (2 * total < most) break
    if (roundness(turn) > roundest) {
      first = place
      roundest = roundness(turn)
    }
    total -= turn.tokens
  }
  return fitting.slice(first)
}

/**
 * The largest power of two that divides half of the turn's `seq`, which counts turns as long as none was edited. The
 * first turn of a session has none and needs none: a window that can begin at it holds the whole session.
 */
function roundness({ seq }: CountedTurn): number {
  const place = Math.floor(seq / 2)
  return place & -place
}

/**
 * How many tokens of history can be added before the window begins at another turn. It may begin at another one sooner,
 * once a rounder turn takes half of what fits.
 * @param turns the window
 * @param isWhole whether these are all turns of the session
 */
export function staysUntilTokens(
  turns: readonly CountedTurn[],
  {
    maxTurns,
    tokens,
    recallTokens: kept = 0,
    recallsElsewhere = false,
    isWhole,
  }: WindowRoom & { isWhole: boolean },
): number {
  if (turns.length >= maxTurns) return 0
  const room = isWhole && !recallsElsewhere ? tokens : tokens - kept
  return Math.max(0, room - sumTokens(turns))
}

/**
 * The newest whole turns that fit, oldest first. The selection stops at the first turn that does not fit: a window has no
 * gaps.
 * @param turns oldest first; `tokens` with overhead
 */
export function newestTurns<Turn extends { tokens: number }>(
  turns: readonly Turn[],
  { maxTurns, tokens }: { maxTurns: number; tokens: number },
): Turn[] {
  let first = turns.length
  let remaining = tokens
  for (const turn of turns.toReversed()) {
    if (turn.tokens > remaining || turns.length - first === maxTurns) break
    remaining -= turn.tokens
    first -= 1
  }
  return turns.slice(first)
}

/**
 * Of the tokens that a prompt begins with and the prompt before it has too, those that a provider can reuse from its cache.
 * OpenAI's does so from 1,024 tokens on, in steps of 128 (OpenAI's guide "Prompt caching").
 */
export function cacheableTokens(commonTokens: number): number {
  return commonTokens < 1_024 ? 0 : commonTokens - (commonTokens % 128)
}

function sumTokens(turns: readonly { tokens: number }[]): number {
  return turns.reduce((sum, turn) => sum + turn.tokens, 0)
}
