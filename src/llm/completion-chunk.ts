import type { EventSourceMessage } from 'eventsource-parser'
import OpenAI from 'openai'
import type { CompletionChunk, CompletionUsage } from './chat-model.ts'

/**
 * Combines the events of one packet. Empty data, and JSON that is not an object, say nothing: some servers send
 * them as a sign of life. `error` comes after what the events before it said; after `isLast` there is
 * nothing more.
 */
export function toChunk(events: readonly EventSourceMessage[]): {
  chunk: CompletionChunk
  isLast: boolean
  error?: unknown
} {
  const chunk: CompletionChunk = {}
  try {
    for (const { event, data } of events) {
      if (data === '[DONE]') return { chunk, isLast: true }
      if (data.trim() === '') continue
      const part: unknown = JSON.parse(data)
      if (typeof part !== 'object' || part === null) continue
      addPart(chunk, event === 'error' ? { error: part } : part)
    }
  } catch (error) {
    return { chunk, isLast: false, error }
  }
  return { chunk, isLast: false }
}

type Part = Partial<OpenAI.ChatCompletionChunk> & { error?: object }

/** Compatible servers do not keep to the types, so each member is checked. */
function addPart(chunk: CompletionChunk, part: Part): void {
  if (part.error) throw new OpenAI.APIError(undefined, part.error, undefined, undefined)
  const choice = part.choices?.[0]
  const text = choice?.delta?.content ?? choice?.delta?.refusal
  const finishReason: unknown = choice?.finish_reason
  const usage = toUsage(part.usage)
  if (typeof text === 'string' && text !== '') chunk.text = (chunk.text ?? '') + text
  if (typeof finishReason === 'string' && finishReason !== '') chunk.finishReason = finishReason
  if (usage !== undefined) chunk.usage = usage
}

function toUsage(usage: OpenAI.CompletionUsage | null | undefined): CompletionUsage | undefined {
  const promptTokens = usage?.prompt_tokens
  const completionTokens = usage?.completion_tokens
  if (!isCount(promptTokens) || !isCount(completionTokens)) return undefined
  const reasoningTokens = usage?.completion_tokens_details?.reasoning_tokens
  return {
    promptTokens,
    completionTokens,
    reasoningTokens: isCount(reasoningTokens) ? Math.min(reasoningTokens, completionTokens) : 0,
  }
}

/** More than any model reads, and few enough that sums and differences of them fit in 32 bits. */
const mostTokens = 500_000_000

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= mostTokens
}
