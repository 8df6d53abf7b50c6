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
 * The newest whole turns that fit, oldest first. The selection stops at the first turn that does not fit: a window has
 * no gaps, and more budget never means fewer turns.
 * @param turns oldest first; `tokens` with overhead
 */
export function selectWindow<Turn extends { tokens: number }>(
  turns: readonly Turn[],
  { maxTurns, tokens }: { maxTurns: number; tokens: number },
): Turn[] {
  const window: Turn[] = []
  let remaining = tokens
  for (const turn of turns.toReversed()) {
    if (turn.tokens > remaining || window.length === maxTurns) break
    remaining -= turn.tokens
    window.unshift(turn)
  }
  return window
}
