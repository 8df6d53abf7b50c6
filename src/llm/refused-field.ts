import type { ServerError } from './server-error.ts'

/** The fields of a request that some servers refuse, and the setting that changes each. */
const advice: Readonly<Record<string, string>> = {
  prompt_cache_key: 'set OPENAI_PROMPT_CACHE_KEY=false',
  stream_options: 'set OPENAI_STREAM_USAGE=false',
  max_completion_tokens: 'set OPENAI_MAX_TOKENS_FIELD=max_tokens',
  max_tokens: 'set OPENAI_MAX_TOKENS_FIELD=max_completion_tokens',
}

/** How servers say that they do not take a field. Each word has an example in the tests. */
const refusal = /unknown|unsupported|unrecognized|unexpected|not (supported|permitted|allowed)/i

/** Longer messages repeat the conversation, in which the words may occur. */
const mostChars = 2_000

/**
 * The end of the hint if a server refused a field that a setting governs; undefined if it did not. A server may list the
 * fields that it takes, so of several names the first one is meant.
 * @param sent the names of the fields of the request
 */
export function adviceForRefused(
  { field = '', message }: ServerError,
  sent: readonly string[],
): string | undefined {
  const said = `${field} ${message.slice(0, mostChars)}`
  if (!refusal.test(said)) return undefined
  const words = said.match(/\w+/g) ?? []
  const name = words.find((word) => Object.hasOwn(advice, word) && sent.includes(word))
  return name === undefined ? undefined : `: the server refuses ${name}, so ${advice[name]}`
}
