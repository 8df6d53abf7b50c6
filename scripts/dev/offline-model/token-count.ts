import { type ChatMessage, roles } from './chat-request.ts'

/** Exactly o200k's count. A special token such as `<|endoftext|>` counts as ordinary text, as it does for the API. */
export async function countTokens(text: string): Promise<number> {
  // 2 MB of vocabulary: loaded by the first request, not on import.
  const tokenizer = await import('gpt-tokenizer/encoding/o200k_base')
  return tokenizer.countTokens(text, { disallowedSpecial: new Set() })
}

/** Includes OpenAI's overhead: 4 for each message, 3 for the reply. */
export async function countPromptTokens(messages: readonly ChatMessage[]): Promise<number> {
  const counts = await Promise.all(messages.map(({ content }) => countTokens(content)))
  return counts.reduce((sum, count) => sum + count + 4, 3)
}

/** As many tokens as `countPromptTokens` counts, in their order. Negative numbers stand for the overhead and for roles. */
export async function encodePrompt(messages: readonly ChatMessage[]): Promise<number[]> {
  const { encode } = await import('gpt-tokenizer/encoding/o200k_base')
  const tokens = messages.flatMap(({ role, content }) => [
    -1,
    -10 - roles.indexOf(role),
    -2,
    ...encode(content, { disallowedSpecial: new Set() }),
    -3,
  ])
  return [...tokens, -4, -5, -6]
}

/**
 * The longest beginning of `text` with at most `maxTokens`. It is found by counting, because gpt-tokenizer's `decode`
 * keeps half a character for its next caller. If a character takes several tokens, the beginning may have fewer tokens
 * than the limit. The limit is still reported, as by a provider that spent the tokens on half a character.
 */
export async function cutToTokens(text: string, maxTokens: number | undefined) {
  const tokens = await countTokens(text)
  if (maxTokens === undefined || tokens <= maxTokens) {
    return { content: text, tokens, isCut: false }
  }
  const characters = Array.from(text)
  let fits = 0
  let tooLong = characters.length
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if ((await countTokens(characters.slice(0, middle).join(''))) <= maxTokens) fits = middle
    else tooLong = middle
  }
  return { content: characters.slice(0, fits).join(''), tokens: maxTokens, isCut: true }
}
