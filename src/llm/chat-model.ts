export interface PromptMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** A piece of a completion. Each member comes when the provider tells it, usage last if at all. */
export interface CompletionChunk {
  text?: string
  finishReason?: string
  usage?: CompletionUsage
}

/** Tokens as the provider counted them. */
export interface CompletionUsage {
  promptTokens: number
  /** Reasoning included. */
  completionTokens: number
  /** Written, paid for and never shown; 0 where the provider does not tell. */
  reasoningTokens: number
}

/**
 * Streams a completion: one HTTP call, never repeated here.
 *
 * Ends when the provider's stream does, which alone does not mean that the completion is whole: only a
 * `finishReason` does. Throws Problem `model_unavailable`, `model_timeout`, `model_rate_limited` or
 * `model_context_exceeded`, the last never after text; or the reason of `signal`, as it is, once that is aborted.
 */
export type ChatModel = (
  prompt: PromptMessage[],
  options: { signal: AbortSignal },
) => AsyncIterable<CompletionChunk>
