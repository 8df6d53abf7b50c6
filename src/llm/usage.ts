import type { CompletionUsage } from './chat-model.ts'

/** More than any model reads, and few enough that sums and differences of them fit in 32 bits. */
const mostTokens = 500_000_000

/**
 * The members in which providers report the tokens of the prompt that their cache held. A gateway may fill several of
 * them, not all with
 * the same number. Each row has an example in the tests.
 */
const cachedMembers: readonly (readonly string[])[] = [
  ['prompt_tokens_details', 'cached_tokens'], // OpenAI, and most others by now
  ['prompt_token_details', 'cached_tokens'], // Mistral, beside the other name
  ['num_cached_tokens'], // Mistral
  ['prompt_cache_hit_tokens'], // DeepSeek
  ['cached_tokens'], // Moonshot
  ['cache_read_input_tokens'], // Anthropic's models behind Databricks, TrueFoundry and other gateways
]

type Members = Readonly<Record<string, unknown>>

/**
 * The usage of an event of a stream, or of a whole completion; undefined if it has none, or one that cannot be. Moonshot puts
 * it into the choice of the last event, and Groq into a member of its own.
 */
export function usageOf(event: object): CompletionUsage | undefined {
  const { usage, choices, x_groq: groq } = event as Members
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  return (
    readUsage(usage) ?? readUsage(memberOf(choice, 'usage')) ?? readUsage(memberOf(groq, 'usage'))
  )
}

function readUsage(usage: unknown): CompletionUsage | undefined {
  const promptTokens = memberOf(usage, 'prompt_tokens')
  const completionTokens = memberOf(usage, 'completion_tokens')
  if (!isCount(promptTokens) || !isCount(completionTokens)) return undefined
  const reasoning = memberOf(memberOf(usage, 'completion_tokens_details'), 'reasoning_tokens')
  const cached = cachedMembers.map((path) => path.reduce(memberOf, usage)).filter(isCount)
  return {
    promptTokens,
    completionTokens,
    reasoningTokens: isCount(reasoning) ? Math.min(reasoning, completionTokens) : 0,
    ...(cached.length > 0 && { cachedTokens: Math.min(Math.max(...cached), promptTokens) }),
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Members)[name] : undefined
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= mostTokens
}
