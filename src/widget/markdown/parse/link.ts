/** Returns the address of a link to `url`; undefined if the link is forbidden. */
export type HrefOf = (url: string) => string | undefined

const allowedPattern = /^(?:https?|mailto|tel|sms):/

/**
 * Resolves the address of a link against `base`, in the browser's own form. Allows no protocol that could run code, read
 * files or start another program.
 */
export function safeHref(url: string, base?: string): string | undefined {
  const address = /^www\./i.test(url) ? `http://${url}` : url
  if (address === '' || !URL.canParse(address, base)) return undefined
  const { href } = new URL(address, base)
  return allowedPattern.test(href) ? href : undefined
}

/**
 * A bare address. It ends at white space, at an invisible character, at a quotation mark or bracket, at punctuation
 * outside ASCII (except some that names contain), at `**` or `~~`, and at a letter of another script right after a Latin
 * one, such as a Korean particle.
 */
export const bareUrlPattern =
  /(?:(?!\*\*|~~|(?![\p{ASCII}·・–])[\p{P}\p{Sm}]|(?<=[a-z\d])(?!\p{sc=Latn})\p{L})[^\s\p{C}<>"`\\[\]])+/iuy

/** Removes the punctuation and the unpaired brackets that follow an address, as GitHub does. */
export function trimUrl(url: string): string {
  let end = url.length
  let unpaired = url.split(')').length - url.split('(').length
  for (;;) {
    const last = url[end - 1] ?? ''
    if (/[?!.,:;*_~']/.test(last)) {
      // A character reference at the end is no part of the address either.
      end -= /&\w+;$/.exec(url.slice(Math.max(0, end - 12), end))?.[0].length ?? 1
    } else if (last === ')' && unpaired-- > 0) end--
    else return url.slice(0, end)
  }
}

/** The limit of nested brackets in an address. */
const maxBrackets = 32
const beginPattern = /\(\s*(?:<((?:[^<>\n\\]|\\.)*)>)?/sy
const endPattern = /(?:\s+(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\)))?\s*\)/sy

/** Reads the `(address "title")` of a link at `at`. The address may hold paired brackets. */
export function readTarget(source: string, at: number): { url: string; end: number } | undefined {
  beginPattern.lastIndex = at
  const begin = beginPattern.exec(source)
  if (!begin) return undefined
  const start = beginPattern.lastIndex
  let end = start
  if (begin[1] === undefined) {
    if (source[start] === '<') return undefined
    let depth = 0
    for (; /\S/.test(source[end] ?? ''); end++) {
      const char = source[end]
      if (char === '\\') end++
      else if (char === '(' && ++depth > maxBrackets) return undefined
      else if (char === ')' && depth-- === 0) break
    }
    if (depth > 0) return undefined
  }
  endPattern.lastIndex = end
  if (!endPattern.test(source)) return undefined
  return { url: begin[1] ?? source.slice(start, end), end: endPattern.lastIndex }
}
