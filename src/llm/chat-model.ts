export interface PromptMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** A piece of a completion. Each member appears when the provider reports it: usage last, if at all. */
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
  /** Tokens that the model wrote and did not show; 0 if the provider does not report them. */
  reasoningTokens: number
}

/**
 * Streams a completion with one HTTP call, which is never repeated.
 *
 * It ends when the provider's stream ends. Only a `finishReason` means that the completion is complete. It throws Problem
 * `model_unavailable`, `model_timeout`, `model_rate_limited` or `model_context_exceeded` (the last never after text), or
 * the reason of `signal` once that is aborted.
 */
export type ChatModel = (
  prompt: PromptMessage[],
  options: { signal: AbortSignal },
) => AsyncIterable<CompletionChunk>
