import type { Inline, InlineStart, Paragraph } from './ast.ts'
import { closeEmphasis, isPending, resolveEmphasis, toInlines } from './emphasis.ts'
import { readTokens } from './inline-tokens.ts'
import { type HrefOf, safeHref } from './link.ts'

/** How much of what may become a link is left out while it comes. */
const maxHiddenChars = 300

export interface InlineOptions {
  hrefOf?: HrefOf
  start?: InlineStart
  /** Whether more will come. */
  isOpen?: boolean
}

/** Reads what a paragraph has got since it was read last. */
export function readOn(paragraph: Paragraph, options: InlineOptions): void {
  const { source, start, children, settled } = paragraph
  const read = parseInline(source, { ...options, start })
  children.length = settled
  for (const inline of read.inlines) children.push(inline)
  paragraph.settled += read.settled
  paragraph.start = read.next
}

/**
 * The inline part of Markdown: code, emphasis, links, line breaks. HTML is text, an image becomes a
 * link, and a link that may not be followed stays text. Whatever follows, the first `settled`
 * inlines stay, and reading can go on at `next`. The cost grows with the length alone.
 */
export function parseInline(
  source: string,
  { hrefOf = safeHref, start = { at: 0, words: '' }, isOpen = false }: InlineOptions = {},
): { inlines: Inline[]; settled: number; next: InlineStart } {
  const { tokens, space } = readTokens(source, start, hrefOf, isOpen)
  const openers = tokens.filter((token) => token.type === 'opener').filter(isPending)
  const link = isOpen ? openers.find(({ text }) => text !== '') : undefined
  if (link && source.length - link.at < maxHiddenChars) tokens.length = tokens.indexOf(link)

  const resolved = resolveEmphasis(tokens)
  const isSure = openers.length === 0 && !resolved.some(isPending)
  if (isOpen) closeEmphasis(resolved)
  const inlines = toInlines(resolved)
  const place = space && isSure ? resolved.indexOf(space.words) : -1
  if (!space || place < 0) return { inlines, settled: 0, next: start }
  const before = toInlines(resolved.slice(0, place))
  const last = before.at(-1)
  const joined = typeof last === 'string' ? last : ''
  const words = joined + space.words.text.slice(0, space.length)
  return {
    inlines,
    settled: before.length - (joined === '' ? 0 : 1),
    next: { at: space.at, words },
  }
}
