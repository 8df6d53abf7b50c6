import type { limits } from '../../limits.ts'
import { cutText, isBlank } from '../../visible-text.ts'
import { button } from '../dom/elements.ts'
import type { PanelWords } from '../words/words.ts'

export interface AskButton {
  readonly node: HTMLElement
  setEnabled: (isEnabled: boolean) => void
  /** Shows the button beside the selection, now and after each change, until `signal` is aborted. */
  watch: (signal: AbortSignal) => void
}

/** The API's limit. Its type makes the compiler compare both; importing the value would bundle all limits. */
const maxQuotationChars: typeof limits.contextTextChars = 8_000
/** The button appears when the selection has not changed for this time. */
const quietMs = 250

/** A button beside the selected text of the page, to ask about it. A chunk of its own: most visitors select nothing. */
export function createAskButton(words: PanelWords, ask: (quotation: string) => void): AskButton {
  let isEnabled = true
  let quotation = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  const press = () => {
    node.hidden = true
    ask(quotation)
  }
  const node = button({ class: 'ask', hidden: '' }, press, words.ask)
  // Pressing the button must not clear the selection.
  node.addEventListener('pointerdown', (event) => event.preventDefault())

  function update(): void {
    const selection = document.getSelection()
    quotation = isEnabled && isFree() ? quotationOf(selection) : ''
    node.hidden = quotation === ''
    if (node.hidden || !selection) return
    const { left, bottom } = selection.getRangeAt(0).getBoundingClientRect()
    const { offsetWidth, offsetHeight } = node
    node.style.left = `${Math.max(8, Math.min(left, innerWidth - offsetWidth - 8))}px`
    node.style.top = `${Math.max(8, Math.min(bottom + 8, innerHeight - offsetHeight - 8))}px`
  }

  /** True if no field of the page has the focus, and this is the page's first widget that offers the button. */
  function isFree(): boolean {
    const root = node.getRootNode()
    if (!(root instanceof ShadowRoot)) return false
    const isWriting = document.activeElement?.matches(fieldSelector)
    return !isWriting && document.querySelector(offeringSelector) === root.host
  }

  return {
    node,
    setEnabled(next) {
      isEnabled = next
      node.hidden ||= !next
    },
    watch(signal) {
      const soon = () => {
        clearTimeout(timer)
        timer = setTimeout(update, quietMs)
      }
      document.addEventListener('selectionchange', soon, { signal })
      // The button follows the selection when the page scrolls.
      document.addEventListener('scroll', soon, { signal, capture: true, passive: true })
      signal.addEventListener('abort', () => clearTimeout(timer))
      if (!signal.aborted) soon()
    },
  }
}

const offeringSelector = 'chatbot-widget:not([selection="off"])'
const fieldSelector = 'input, textarea, [contenteditable]'

/**
 * The selected text of the page; empty if the selection is inside a shadow root, where it reads as collapsed. Cut to
 * the API's limit between two characters, without lone surrogates and NUL, which the server refuses. Empty, too, if it
 * shows nothing.
 */
function quotationOf(selection: Selection | null): string {
  if (!selection || selection.isCollapsed) return ''
  const text = String(selection)
    .replace(/[\ud800-\udfff]|\0/gu, '')
    .trim()
  return isBlank(text) ? '' : cutText(text, maxQuotationChars)
}
