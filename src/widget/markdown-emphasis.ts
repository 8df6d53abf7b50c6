import type { Inline } from './markdown-ast.ts'

type Delimiter = {
  type: 'delimiter'
  char: string
  count: number
  canOpen: boolean
  canClose: boolean
}
type Bracket = { type: 'bracket'; text: '[' | '![' }
export type Item = Inline | Delimiter | Bracket

/** Pairs the delimiters, as CommonMark does without its rule of three; the rest becomes text. */
export function resolveEmphasis(items: Item[]): Inline[] {
  const out: Item[] = []
  // How many openers of each kind are on the stack: no search where there is none.
  const openers = new Map<string, number>()
  const count = (item: Item | undefined, step: number) => {
    if (item?.type !== 'delimiter' || !item.canOpen) return
    openers.set(item.char, (openers.get(item.char) ?? 0) + step)
  }
  for (const item of items) {
    if (item.type !== 'delimiter') {
      out.push(item)
      continue
    }
    while (item.canClose && item.count > 0 && (openers.get(item.char) ?? 0) > 0) {
      const index = out.findLastIndex(
        (other) => other.type === 'delimiter' && other.char === item.char && other.canOpen,
      )
      const opener = out[index]
      if (opener?.type !== 'delimiter') break
      const children = out.splice(index + 1)
      for (const child of children) count(child, -1)
      const used = Math.min(2, opener.count, item.count)
      opener.count -= used
      item.count -= used
      if (opener.count === 0) count(out.pop(), -1)
      const type = item.char === '~' ? 'strike' : used === 2 ? 'strong' : 'emphasis'
      out.push({ type, children: toInlines(children) })
    }
    if (item.count === 0) continue
    out.push(item)
    count(item, 1)
  }
  return toInlines(out)
}

function toInlines(items: Item[]): Inline[] {
  const out: Inline[] = []
  for (const item of items) {
    const isMark = item.type === 'delimiter' || item.type === 'bracket'
    const inline = !isMark
      ? item
      : textOf(item.type === 'delimiter' ? item.char.repeat(item.count) : item.text)
    const last = out.at(-1)
    if (inline.type === 'text' && last?.type === 'text') {
      out[out.length - 1] = textOf(last.text + inline.text)
    } else out.push(inline)
  }
  return out
}

/** A run of `*`, `_` or `~` between two characters, by CommonMark's flanking rules. */
export function delimiterOf(run: string, before: string, after: string): Item {
  const char = run[0]!
  if (char === '~' && run.length !== 2) return textOf(run)
  const opens = !/\s/.test(after) && (!isPunctuation(after) || !isWord(before))
  const closes = !/\s/.test(before) && (!isPunctuation(before) || !isWord(after))
  const canOpen = opens && (char !== '_' || !closes || isPunctuation(before))
  const canClose = closes && (char !== '_' || !opens || isPunctuation(after))
  return { type: 'delimiter', char, count: run.length, canOpen, canClose }
}

const textOf = (text: string): Inline => ({ type: 'text', text })
const isPunctuation = (char: string) => /[\p{P}\p{S}]/u.test(char)
const isWord = (char: string) => /[^\s\p{P}\p{S}]/u.test(char)
