import type { Inline, InlineElement } from './ast.ts'

export type Words = { type: 'words'; text: string }
/** A run of `*`, `_` or `~~`, of which `count` are not used yet. */
export type Delimiter = {
  type: 'delimiter'
  char: string
  length: number
  count: number
  canOpen: boolean
  canClose: boolean
}
/** What may begin a link or a piece of code as long as it `isPending`; else it is text. */
export type Mark = { type: 'mark'; at: number; text: string; isPending: boolean }
export type Item = InlineElement | Words | Delimiter | Mark

/** Pairs the delimiters as CommonMark does, in time that grows with the number of items alone. */
export function resolveEmphasis(items: Item[]): Item[] {
  const out: Item[] = []
  /** The place in `out` below which there is no opener for that kind of closer. */
  const bottoms = new Map<string, number>()
  for (const item of items) {
    if (item.type === 'delimiter' && item.canClose) {
      const kind = `${item.char}${item.canOpen}${item.length % 3}`
      while (item.count > 0) {
        const bottom = bottoms.get(kind) ?? 0
        let index = out.length - 1
        while (index >= bottom && !isPair(out[index]!, item)) index--
        if (index < bottom) {
          bottoms.set(kind, out.length)
          break
        }
        item.count -= wrap(out, index, item.count)
        for (const [other, place] of bottoms) bottoms.set(other, Math.min(place, index))
      }
      if (item.count === 0) continue
    }
    out.push(item)
  }
  return out
}

/** Gives the openers that wait for a closer one at the end. */
export function closeEmphasis(items: Item[]): void {
  for (let index = items.length - 2; index >= 0; index--) {
    const item = items[index]!
    while (item.type === 'delimiter' && isPending(item)) wrap(items, index, 2)
  }
}

/** Puts what is behind the opener at `index` into an element; returns how many marks that took. */
function wrap(items: Item[], index: number, available: number): number {
  const opener = items[index] as Delimiter
  const used = Math.min(2, opener.count, available)
  const type = opener.char === '~' ? 'del' : used === 2 ? 'strong' : 'em'
  opener.count -= used
  items.push({ type, children: toInlines(items.splice(index + 1)) })
  return used
}

/** CommonMark's rule of three: `*a**b*` is one emphasis. */
function isPair(opener: Item, closer: Delimiter): boolean {
  if (opener.type !== 'delimiter' || !isPending(opener) || opener.char !== closer.char) return false
  const isBoth = opener.canClose || closer.canOpen
  return !isBoth || (opener.length + closer.length) % 3 !== 0 || opener.length % 3 === 0
}

/** Whether what follows may still make something else of it and what is behind it. */
export function isPending(item: Item): boolean {
  if (item.type === 'delimiter') return item.canOpen && item.count > 0
  return item.type === 'mark' && item.isPending
}

/** Without what the pairing needed: all that is left of it is text. */
export function toInlines(items: Item[]): Inline[] {
  const out: Inline[] = []
  for (const item of items) {
    const inline = textOf(item)
    const last = out.at(-1)
    if (typeof inline === 'string' && typeof last === 'string') out[out.length - 1] = last + inline
    else if (inline !== '') out.push(inline)
  }
  return out
}

function textOf(item: Item): Inline {
  if (item.type === 'delimiter') return item.char.repeat(item.count)
  return 'text' in item ? item.text : item
}

/** The run at `at`, by CommonMark's rules of what it may open and close. */
export function delimiterOf(source: string, at: number, run: string): Delimiter {
  const char = run[0]!
  const before = source[at - 1] ?? ' '
  const after = source[at + run.length] ?? ' '
  // Chinese and Japanese have no spaces that would show which way a `**` beside a stop looks.
  const isUnspaced = char !== '_' && (CJK.test(before) || CJK.test(after))
  const opens = !SPACE.test(after) && (isUnspaced || !MARK.test(after) || !isWord(before))
  const closes = !SPACE.test(before) && (isUnspaced || !MARK.test(before) || !isWord(after))
  const canOpen = opens && (char !== '_' || !closes || MARK.test(before))
  const canClose = closes && (char !== '_' || !opens || MARK.test(after))
  const { length } = run
  return { type: 'delimiter', char, length, count: length, canOpen, canClose }
}

const SPACE = /\s/
const MARK = /[\p{P}\p{S}]/u
const CJK = /[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]/

export function isWord(char: string | undefined): boolean {
  return char !== undefined && !SPACE.test(char) && !MARK.test(char)
}
