import type { Inline, InlineStart, Paragraph } from './ast.ts'
import { closeEmphasis, isPending, resolveEmphasis, toInlines } from './emphasis.ts'
import { readTokens } from './inline-tokens.ts'
import { type HrefOf, safeHref } from './link.ts'

/** A possible link at the end of the text is hidden up to this length. */
const maxHiddenChars = 300

export interface InlineOptions {
  hrefOf?: HrefOf
  start?: InlineStart
  /** Whether more text may come. */
  isOpen?: boolean
}

/** Parses the part of a paragraph that is not settled yet. */
export function readOn(paragraph: Paragraph, options: InlineOptions): void {
  const { source, start, children, settled } = paragraph
  const read = parseInline(source, { ...options, start })
  children.length = settled
  for (const inline of read.inlines) children.push(inline)
  paragraph.settled += read.settled
  paragraph.start = read.next
}

/**
 * Parses inline Markdown: code, emphasis, links, line breaks. HTML is text, an image becomes a link, and of a link to
 * a forbidden address only the label is left. No further text changes the first `settled` inlines, so the next call can start at
 * `next`. Takes linear time.
 */
export function parseInline(
  source: string,
  { hrefOf = safeHref, start = { at: 0, text: '' }, isOpen = false }: InlineOptions = {},
): { inlines: Inline[]; settled: number; next: InlineStart } {
  const { tokens, place } = readTokens(source, start, hrefOf, isOpen)
  const openers = tokens.filter((token) => token.type === 'opener').filter(isPending)
  const link = isOpen ? openers.find(({ text }) => text !== '') : undefined
  if (link && source.length - link.at < maxHiddenChars) tokens.length = tokens.indexOf(link)

  const resolved = resolveEmphasis(tokens)
  const isSure = openers.length === 0 && !resolved.some(isPending)
  if (isOpen) closeEmphasis(resolved)
  const inlines = toInlines(resolved)
  const index = place && isSure ? resolved.indexOf(place.token) : -1
  if (!place || index < 0) return { inlines, settled: 0, next: start }
  const before = toInlines(resolved.slice(0, index))
  const last = before.at(-1)
  const joined = typeof last === 'string' ? last : ''
  const text = joined + place.token.text.slice(0, place.length)
  return {
    inlines,
    settled: before.length - (joined === '' ? 0 : 1),
    next: { at: place.at, text },
  }
}
