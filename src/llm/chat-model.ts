export interface PromptMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** A piece of a completion. Each member appears when the provider reports it: usage last, if at all. */
export interface CompletionChunk {
  /** All text so far was thinking, as its end has shown: it is no part of the reply. `text` comes after that. */
  takesBack?: true
  /** A piece of the reply, without thinking. */
  text?: string
  /** The model thinks: it writes what is no part of the reply. */
  isThinking?: true
  /** UTF-8 bytes of such thinking, once it is certain that it is. */
  thinkingBytes?: number
  /** In OpenAI's words where it has one. Only for an end that leaves the reply whole. */
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
  /** Tokens of the prompt that the provider's cache held; absent if the provider does not report them. */
  cachedTokens?: number
}

export interface ModelCallOptions {
  signal: AbortSignal
  /** Names the conversation to the provider, which then finds its cache of an earlier prompt more often; absent: not sent. */
  cacheKey?: string | undefined
}

/**
 * Gets a completion with one HTTP call, which is never repeated.
 *
 * It ends when the provider's answer ends. Only a `finishReason` means that the completion is complete. It throws Problem
 * `model_unavailable`, `model_timeout`, `model_rate_limited`, `model_context_exceeded` (never after text or thinking);
 * `interrupted`, or `model_empty_reply` without text, if the text or the thinking is too long; or the reason of `signal`
 * once that is aborted.
 */
export type ChatModel = (
  prompt: PromptMessage[],
  options: ModelCallOptions,
) => AsyncIterable<CompletionChunk>
