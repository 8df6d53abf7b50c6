import { countTokens } from '../tokens/token-count.ts'

/** A longer text would hardly fit: a token of prose has some 4 characters. */
const mostCharsPerToken = 8
/** To count so much takes no time that matters. */
const shortChars = 32_768
/** The beginning is moved to the next white space, if that is so near. */
const nearChars = 64

/** The end of a text, within a limit of tokens: all of it if that fits. */
export function endOfText(
  text: string,
  maxTokens: number,
): { text: string; tokens: number; isCut: boolean } {
  // Code and white space can have more characters in a token: a short text is counted as it is.
  const start = text.length <= shortChars ? 0 : text.length - mostCharsPerToken * maxTokens
  let end = endFrom(text, start)
  for (;;) {
    const tokens = countTokens(end)
    if (tokens <= maxTokens) return { text: end, tokens, isCut: end.length < text.length }
    // It ends, since each step takes away a twentieth at least.
    const length = Math.floor(end.length * Math.min(0.95, (0.98 * maxTokens) / tokens))
    end = endFrom(end, end.length - length)
  }
}

/** Never begins inside a surrogate pair. */
function endFrom(text: string, start: number): string {
  if (start <= 0) return text
  const end = text.slice(start)
  const [passed] =
    new RegExp(`^\\S{0,${nearChars}}\\s+(?=\\S)`).exec(end) ?? /^[\udc00-\udfff]?/.exec(end)!
  return end.slice(passed.length)
}
