import type { ServerError } from './server-error.ts'

/** Codes and types that mean only this. */
const words = new Set([
  'context_length_exceeded', // OpenAI, Azure, Groq, Cerebras, OpenRouter
  'exceed_context_size_error', // llama.cpp
  'model_context_window_exceeded', // Zhipu
  'model_max_prompt_tokens_exceeded', // GitHub Copilot
  'tokens_limit_reached', // GitHub Models
  'request_too_large', // Anthropic
  'contextwindowexceedederror', // LiteLLM
  'context_window_exceeded',
  'max_context_length_exceeded',
  'prompt_too_long',
])

/** How providers word it. Each row has an example in the tests. */
const texts: readonly RegExp[] = [
  /(maximum|max|model'?s) (context|model|sequence) (length|size|window)/i, // OpenAI, vLLM, SGLang, Mistral, OpenRouter, DeepSeek
  /(exceed\w*|larger than|longer than|greater than)( \w+){0,3} context[ _]?(window|length|size|limit)?/i, // OpenAI, llama.cpp, LM Studio, Ollama, Workers AI, Anthropic
  /context[ _]?(window|length|size|limit)( \w+){0,3} (exceed|overflow)/i, // MiniMax, llama.cpp
  /contextwindowexceeded/i, // LiteLLM
  /context shift is disabled/i, // llama.cpp
  /reduce the length of (the|your) (messages|prompt|input)/i, // Groq, Cerebras
  /prompt (is )?too (long|large)/i, // Anthropic, Fireworks, Ollama
  /(input|prompt|conversation|inputs?) (text |token |\(total length \d+\) )?(is|length|length is)? ?too (long|large)/i, // Bedrock, Moonshot, vLLM
  /input token count (\(?\d+\)? )?exceeds/i, // Gemini
  /input token count is \d+ but model only supports/i, // Vertex AI
  /input tokens exceed the configured limit/i, // OpenAI
  /maximum prompt length is \d/i, // xAI
  /tokens? in (the|your) prompt (cannot|must not|can not) exceed|too many tokens: size limit exceeded/i, // Cohere
  /prompt token count of \d+ exceeds/i, // GitHub Copilot
  /request body too large for .* model/i, // GitHub Models
  /exceeded model token limit/i, // Moonshot
  /range of input length should be/i, // DashScope
  /`?inputs`? (tokens \+|must have less than)/i, // Together, text-generation-inference
  /prompt (exceeds max|length .{0,20}(greater|longer) than|超长)/i, // Zhipu, TabbyAPI
  /loaded with context length of only/i, // LM Studio
]

/** Words of a limit on requests or tokens in a time, or of a day: a shorter prompt is no answer to them. */
const rateLimit =
  /rate.?limit|too many requests|quota|(tokens|requests) per (min|minute|hour|day|second)|\b[TR]P[MD]\b/i

/** The reply that was asked for is too large, not the prompt. vLLM says so of both together, with the numbers. */
const replyOnly =
  /(?<!\+ `?)max_(completion_|new_|output_)?tokens\W{0,2}( is too large| must be|: \d+ >)|range of max_tokens|output tokens.{0,40}maximum allowed/i
const numbersOfBoth = /too large: (\d+)\D+maximum context length is (\d+)/i

/** The statuses with which a prompt that is too long is refused; undefined: told within a stream. */
const statuses: readonly (number | undefined)[] = [undefined, 400, 413, 422, 500]

/** Longer messages repeat the conversation, in which the words may occur. */
const mostChars = 2_000

/** Whether a rate limit refused the request, whatever the status. */
export function isRateLimited(status: number | undefined, error: ServerError): boolean {
  const { code = '', type = '', message } = error
  return (
    status === 429 || [code, type, message.slice(0, mostChars)].some((text) => rateLimit.test(text))
  )
}

/** Whether the prompt was longer than the model can read, in any provider's words. Ask `isRateLimited` first. */
export function isContextExceeded(status: number | undefined, error: ServerError): boolean {
  if ([error.code, error.type].some((word) => words.has(word?.toLowerCase() ?? ''))) return true
  // Content Too Large, of a server that says no more.
  if (status === 413) return true
  const message = error.message.slice(0, mostChars)
  if (!statuses.includes(status) || isReplyTooLong(message)) return false
  return texts.some((text) => text.test(message))
}

function isReplyTooLong(message: string): boolean {
  const [, reply, both] = numbersOfBoth.exec(message) ?? []
  return reply === undefined ? replyOnly.test(message) : Number(reply) >= Number(both)
}
