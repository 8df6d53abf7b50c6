import type { Inline, InlineElement } from './ast.ts'

export interface TextToken {
  type: 'text'
  text: string
}
/** A run of `*`, `_` or `~~`, with `count` characters that are not used yet. */
export interface Delimiter {
  type: 'delimiter'
  char: string
  length: number
  count: number
  canOpen: boolean
  canClose: boolean
}
/** Characters that may begin a link or code while `isPending`. Otherwise they are text. */
export interface Opener {
  type: 'opener'
  at: number
  text: string
  isPending: boolean
}
export type Token = InlineElement | TextToken | Delimiter | Opener

/** Pairs the delimiters as CommonMark does, in linear time. */
export function resolveEmphasis(tokens: Token[]): Token[] {
  const out: Token[] = []
  /** For each kind of closer, the place in `out` below which it has no opener. */
  const bottoms = new Map<string, number>()
  for (const token of tokens) {
    if (token.type === 'delimiter' && token.canClose) {
      const kind = `${token.char}${token.canOpen}${token.length % 3}`
      while (token.count > 0) {
        const bottom = bottoms.get(kind) ?? 0
        let index = out.length - 1
        while (index >= bottom && !isPair(out[index]!, token)) index--
        if (index < bottom) {
          bottoms.set(kind, out.length)
          break
        }
        token.count -= wrap(out, index, token.count)
        for (const [other, place] of bottoms) bottoms.set(other, Math.min(place, index))
      }
      if (token.count === 0) continue
    }
    out.push(token)
  }
  return out
}

/** Closes the open delimiters at the end of the text. */
export function closeEmphasis(tokens: Token[]): void {
  for (let index = tokens.length - 2; index >= 0; index--) {
    const token = tokens[index]!
    while (token.type === 'delimiter' && isPending(token)) wrap(tokens, index, 2)
  }
}

/** Wraps the tokens after the opener at `index` in an element. Returns how many of its characters it used. */
function wrap(tokens: Token[], index: number, available: number): number {
  const opener = tokens[index] as Delimiter
  const used = Math.min(2, opener.count, available)
  const type = opener.char === '~' ? 'del' : used === 2 ? 'strong' : 'em'
  opener.count -= used
  tokens.push({ type, children: toInlines(tokens.splice(index + 1)) })
  return used
}

/** Whether the two match, with CommonMark's rule of three: `*a**b*` is one emphasis. */
function isPair(opener: Token, closer: Delimiter): boolean {
  if (opener.type !== 'delimiter' || !isPending(opener) || opener.char !== closer.char) return false
  const isBoth = opener.canClose || closer.canOpen
  return !isBoth || (opener.length + closer.length) % 3 !== 0 || opener.length % 3 === 0
}

/** Whether further text may still change the meaning of the token and of what follows it. */
export function isPending(token: Token): boolean {
  if (token.type === 'delimiter') return token.canOpen && token.count > 0
  return token.type === 'opener' && token.isPending
}

/** Turns tokens into inlines. Delimiters without a partner become text. */
export function toInlines(tokens: Token[]): Inline[] {
  const out: Inline[] = []
  for (const token of tokens) {
    const inline = textOf(token)
    const last = out.at(-1)
    if (typeof inline === 'string' && typeof last === 'string') out[out.length - 1] = last + inline
    else if (inline !== '') out.push(inline)
  }
  return out
}

function textOf(token: Token): Inline {
  if (token.type === 'delimiter') return token.char.repeat(token.count)
  return 'text' in token ? token.text : token
}

/** The run of delimiters at `at`, with CommonMark's rules for what it may open and close. */
export function delimiterOf(source: string, at: number, run: string): Delimiter {
  const char = run[0]!
  const { length } = run
  const end = at + length
  // Whole characters: an emoji is two units of the string.
  const before = Array.from(source.slice(Math.max(0, at - 2), at)).at(-1) ?? ' '
  const [after = ' '] = source.slice(end, end + 2)
  const isUnspaced = char !== '_' && (unspacedPattern.test(before) || unspacedPattern.test(after))
  const left = kindOf(before)
  const right = kindOf(after)
  const opens = right !== 'space' && (isUnspaced || right === 'word' || left !== 'word')
  const closes = left !== 'space' && (isUnspaced || left === 'word' || right !== 'word')
  const canOpen = opens && (char !== '_' || !closes || left === 'mark')
  const canClose = closes && (char !== '_' || !opens || right === 'mark')
  return { type: 'delimiter', char, length, count: length, canOpen, canClose }
}

function kindOf(char: string): 'space' | 'mark' | 'word' {
  if (/\s/.test(char)) return 'space'
  return /[\p{P}\p{S}]/u.test(char) ? 'mark' : 'word'
}

/**
 * Characters beside which no space shows whether a `**` next to punctuation opens or closes: those of scripts that use
 * no spaces or attach particles to words, East Asian punctuation, emoji (also half of one, while the other half is to
 * come), and invisible characters.
 */
const unspacedPattern =
  /(?![\d\p{sc=Latn}\p{sc=Zinh}])[\p{L}\p{M}\p{Nd}]|[\p{Cf}\p{Cs}\p{ExtPict}\p{EPres}\u20e3\ufe0f\u3000-\u303f\ufe10-\ufe6f\uff00-\uffef]/u
