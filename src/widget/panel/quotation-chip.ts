import { button, el, icon } from '../dom/elements.ts'
import { crossIcon } from '../dom/icons.ts'
import type { PanelWords } from '../words/words.ts'

export interface QuotationChip {
  readonly node: HTMLElement
  /** `undefined` removes the quotation. */
  set: (text: string | undefined) => void
  read: () => string | undefined
}

/** Shows the text of the page that the next message is about, with a button to remove it. */
export function createQuotationChip(words: PanelWords, onRemove: () => void): QuotationChip {
  let quotation: string | undefined
  const text = el('blockquote', { class: 'quotation', dir: 'auto' })
  const remove = {
    class: 'tool',
    'aria-label': words.removeQuotation,
    title: words.removeQuotation,
  }
  const node = el(
    'div',
    { class: 'chip', hidden: true },
    text,
    button(remove, onRemove, icon(crossIcon)),
  )
  return {
    node,
    read: () => quotation,
    set(next) {
      quotation = next
      text.textContent = next ?? ''
      node.hidden = next === undefined
    },
  }
}
