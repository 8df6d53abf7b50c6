import { Problem } from '../errors.ts'
import type { CompletionUsage } from '../llm/chat-model.ts'
import { cleanText } from './clean-text.ts'
import { type NewText, startNewText } from './continue/new-text.ts'
import { promptMessages, type PromptPart, shorterPrompt } from './prompt/parts.ts'
import type { RunningTurn, TurnDeps } from './start-turn.ts'

/** The result of a completion, beside its text. */
export interface Completion {
  /** Absent if the reply broke off. */
  finishReason?: string
  usage?: CompletionUsage
  /** UTF-8 bytes of the thinking that is no part of the text. */
  thinkingBytes: number
  /** UTF-8 bytes of what the model said again of a reply that it continued. */
  repeatedBytes: number
  problem?: Problem
  /** The prompt that the model was sent. */
  sent: readonly PromptPart[]
}

interface CompletionListener {
  signal: AbortSignal
  /** Called before each call of the model with what it is sent. */
  onPrompt: (prompt: readonly PromptPart[]) => void
  onText: (text: string) => void
  onThinking: () => void
  /** Called if all text so far was thinking. */
  onTakeBack: () => void
}

/** Share of the window that is sent in the second call, after the provider reported that the context is too long. */
const shorterShare = 0.6

/** Reads the model's reply to its end, and passes each piece of text on. Never throws: a fault is in the result. */
export async function readCompletion(
  { model }: TurnDeps,
  turn: RunningTurn,
  { signal, onPrompt, onText, onThinking, onTakeBack }: CompletionListener,
): Promise<Completion> {
  const completion: Completion = { sent: turn.prompt, thinkingBytes: 0, repeatedBytes: 0 }

  async function read(prompt: readonly PromptPart[]) {
    completion.sent = prompt
    onPrompt(prompt)
    let text = newTextOf(turn, prompt)
    try {
      for await (const chunk of model(promptMessages(prompt), {
        signal,
        cacheKey: turn.cacheKey,
      })) {
        if (chunk.takesBack) {
          text = newTextOf(turn, prompt)
          onTakeBack()
        }
        if (chunk.isThinking) onThinking()
        completion.thinkingBytes += chunk.thinkingBytes ?? 0
        if (chunk.text !== undefined) onText(text.push(chunk.text))
        if (text.isFull) throw tooLong()
        if (chunk.finishReason !== undefined)
          completion.finishReason = cleanText(chunk.finishReason)
        if (chunk.usage !== undefined) completion.usage = chunk.usage
      }
    } finally {
      onText(text.flush(completion.finishReason))
      completion.repeatedBytes += text.repeatedBytes
    }
    if (text.isFull) {
      delete completion.finishReason
      throw tooLong()
    }
  }

  try {
    await read(turn.prompt).catch((error: unknown) => {
      if (!isContextExceeded(error) || !hasHistory(turn.prompt)) throw error
      return read(shorterPrompt(turn.prompt, shorterShare))
    })
  } catch (cause) {
    completion.problem =
      cause instanceof Problem ? cause : new Problem('model_unavailable', { cause })
  }
  return completion
}

function newTextOf({ continued }: RunningTurn, prompt: readonly PromptPart[]): NewText {
  const part = prompt.find((each) => each.kind === 'continued')
  return startNewText(continued && part && { stored: continued.reply.content, sent: part.text })
}

function tooLong(): Problem {
  return new Problem('interrupted', { hint: 'a continued reply became longer than a reply may be' })
}

/** Whether there is a shorter prompt. */
function hasHistory(prompt: readonly PromptPart[]): boolean {
  return prompt.some(({ kind }) => kind !== 'system' && kind !== 'message')
}

/** Providers report it before the first token, so nothing was written or paid for yet. */
function isContextExceeded(error: unknown): boolean {
  return error instanceof Problem && error.code === 'model_context_exceeded'
}
