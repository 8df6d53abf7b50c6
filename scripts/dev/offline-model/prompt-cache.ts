import { createHash } from 'node:crypto'
import type { ChatMessage } from './chat-request.ts'
import { encodePrompt } from './token-count.ts'

/** OpenAI's rule: whole blocks of 128 tokens, none for a prompt or a common beginning under 1,024. */
const blockTokens = 128
const leastTokens = 1_024

/** How many prompts are remembered: the newest. */
const maxPrompts = 50

export interface PromptCache {
  /**
   * Remembers the prompt.
   * @param promptTokens its length, overhead included
   * @returns how many tokens at its beginning an earlier prompt has too
   */
  meet(messages: readonly ChatMessage[], promptTokens: number): Promise<number>
  clear(): void
}

/** A prompt cache as OpenAI reports it. It keeps hashes, not prompts. */
export function createPromptCache(): PromptCache {
  const prompts: Set<string>[] = []
  return {
    async meet(messages, promptTokens) {
      if (promptTokens < leastTokens) return 0
      const beginnings = hashBeginnings(await encodePrompt(messages))
      const blocks = beginnings.findLastIndex((hash) => prompts.some((known) => known.has(hash)))
      prompts.push(new Set(beginnings))
      if (prompts.length > maxPrompts) prompts.shift()
      const tokens = (blocks + 1) * blockTokens
      return tokens < leastTokens ? 0 : tokens
    },
    clear() {
      prompts.length = 0
    },
  }
}

/** A hash of each beginning that ends with a whole block. */
function hashBeginnings(tokens: readonly number[]): string[] {
  const hash = createHash('sha256')
  return Array.from({ length: Math.floor(tokens.length / blockTokens) }, (_, block) => {
    const place = block * blockTokens
    hash.update(Int32Array.from(tokens.slice(place, place + blockTokens)))
    return hash.copy().digest('base64')
  })
}
