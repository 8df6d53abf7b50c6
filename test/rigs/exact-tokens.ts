import { encode } from 'gpt-tokenizer/encoding/o200k_base'

const known = new Map<string, readonly number[]>()

/**
 * The tokens of a text in o200k. The text of a special token is ordinary text in a message. Remembers them, since most
 * texts of a prompt were in the prompt before.
 */
export function exactTokens(text: string): readonly number[] {
  let tokens = known.get(text)
  if (tokens === undefined) {
    tokens = encode(text, { disallowedSpecial: new Set() })
    known.set(text, tokens)
  }
  return tokens
}
