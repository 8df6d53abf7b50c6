import { Problem } from '../errors.ts'
import type { CompletionUsage } from '../llm/chat-model.ts'
import { cleanText, createTextCleaner } from './clean-text.ts'
import { fixedTokens, selectWindow } from './prompt/window.ts'
import { buildPrompt } from './prompt/render.ts'
import type { RunningTurn, TurnDeps } from './start-turn.ts'

/** What came of a completion beside its text. */
export interface Completion {
  /** Absent where the model's stream ended without one: then the text is not whole. */
  finishReason?: string
  usage?: CompletionUsage
  problem?: Problem
  /** `seq` of the first message that the model was sent. */
  windowFrom: number
  /** What the prompt takes at most, overhead included. */
  promptTokens: number
}

/** Share of the window that is tried once more where the provider says that the context is too long. */
const shorterWindow = 0.6

/** Reads the model's reply to its end, text by text to `onText`. Never throws: what went wrong is in the result. */
export async function readCompletion(
  { model, settings }: TurnDeps,
  turn: RunningTurn,
  { signal, onText }: { signal: AbortSignal; onText: (text: string) => void },
): Promise<Completion> {
  const completion: Completion = { windowFrom: turn.message.seq, promptTokens: 0 }

  async function read(window: RunningTurn['window']) {
    completion.windowFrom = window[0]?.seq ?? turn.message.seq
    completion.promptTokens = window.reduce(
      (sum, { tokens }) => sum + tokens,
      fixedTokens(settings, turn.messageTokens),
    )
    const cleaner = createTextCleaner()
    const prompt = buildPrompt(settings.systemPrompt, window, turn.rendered)
    try {
      for await (const { text, finishReason, usage } of model(prompt, { signal })) {
        if (text !== undefined) onText(cleaner.push(text))
        if (finishReason !== undefined) completion.finishReason = cleanText(finishReason)
        if (usage !== undefined) completion.usage = usage
      }
    } finally {
      onText(cleaner.flush())
    }
  }

  try {
    await read(turn.window).catch((error: unknown) => {
      if (!isContextExceeded(error) || turn.window.length === 0) throw error
      const tokens = shorterWindow * turn.window.reduce((sum, each) => sum + each.tokens, 0)
      return read(selectWindow(turn.window, { maxTurns: settings.maxTurns, tokens }))
    })
  } catch (cause) {
    completion.problem =
      cause instanceof Problem ? cause : new Problem('model_unavailable', { cause })
  }
  return completion
}

/** Told before the first token, so nothing was written yet. */
function isContextExceeded(error: unknown): boolean {
  return error instanceof Problem && error.code === 'model_context_exceeded'
}
