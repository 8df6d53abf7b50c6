import { el } from '../dom/elements.ts'
import { createSwatch, type ReceiptBar } from './receipt-bar.ts'
import type { ReceiptEntry } from './receipt-entries.ts'

/**
 * The bar in words, and the way to it for the keyboard: an entry that has the pointer or the focus marks its blocks. Texts
 * of visitors and models become text nodes.
 */
export function createReceiptList(
  entries: readonly ReceiptEntry[],
  { blocks }: Pick<ReceiptBar, 'blocks'>,
): HTMLElement {
  const entryOf = new Map<Element | null, ReceiptEntry>()
  const list = listOf(entries)
  list.addEventListener('mouseover', ({ target }) => mark(target))
  list.addEventListener('focusin', ({ target }) => mark(target))
  list.addEventListener('mouseleave', () => mark(null))
  list.addEventListener('focusout', () => mark(null))
  return list

  function listOf(lines: readonly ReceiptEntry[]): HTMLElement {
    return el('ul', {}, ...lines.map((line) => el('li', {}, lineOf(line))))
  }

  function lineOf(entry: ReceiptEntry): HTMLElement {
    const { kind, label, texts = [], entries: below = [] } = entry
    const head = [createSwatch(kind), label]
    const isWhole = texts.length + below.length === 0
    const line = isWhole
      ? el('p', { tabindex: '0' }, ...head)
      : el('details', {}, el('summary', {}, ...head))
    line.append(...texts.map((text) => el('p', { dir: 'auto' }, text)))
    if (below.length > 0) line.append(listOf(below))
    entryOf.set(line, entry)
    return line
  }

  function mark(target: EventTarget | null): void {
    const line = target instanceof Element ? target.closest('details, [tabindex]') : null
    const marked = new Set(blocks.get(entryOf.get(line)!))
    for (const drawn of blocks.values())
      for (const block of drawn) block.classList.toggle('marked', marked.has(block))
  }
}
