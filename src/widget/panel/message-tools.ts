import type { Rating } from '../client/chat-client.ts'
import { createCopyButton } from '../dom/copy-button.ts'
import { button, el, icon } from '../dom/elements.ts'
import type { Words } from '../words/words.ts'

export interface MessageTools {
  readonly node: HTMLElement
  /** Shows which thumb is pressed. */
  setRating: (rating: Rating | null) => void
}

export interface ReplyActions {
  rate: (rating: Rating | null) => void
  regenerate: () => void
  toggleReceipt: () => void
}

const thumbIcon = 'M2 10h4v11H2zm6 0l5-8c2 0 3 1 2.5 3l-1 4H22l-2 10.5q-.3 1.5-2 1.5H8z'
const barsIcon = 'M3 4h18v4H3zm0 6h13v4H3zm0 6h7v4H3z'
const againIcon = 'M12 5V1L7 6l5 5V7a5 5 0 1 1-5 5H5a7 7 0 1 0 7-7z'

/** The buttons of a message: copy, and for a reply also two thumbs and "another reply". */
export function createMessageTools(
  words: Words,
  readText: () => string,
  actions?: ReplyActions,
): MessageTools {
  const node = el('div', { class: 'tools' }, createCopyButton(words, readText))
  const tool = (label: string, path: string, run: () => void, className = 'tool') => {
    const made = button({ class: className, 'aria-label': label, title: label }, run, icon(path))
    node.append(made)
    return made
  }
  if (!actions) return { node, setRating() {} }

  let pressed: Rating | null = null
  const rate = (rating: Rating) => actions.rate(pressed === rating ? null : rating)
  const thumbs = {
    up: tool(words.goodReply, thumbIcon, () => rate('up')),
    down: tool(words.badReply, thumbIcon, () => rate('down')),
  }
  tool(words.regenerate, againIcon, actions.regenerate, 'tool again')
  tool(words.receipt, barsIcon, actions.toggleReceipt, 'tool receipt').ariaExpanded = 'false'
  return {
    node,
    setRating(rating) {
      pressed = rating
      for (const [name, thumb] of Object.entries(thumbs)) {
        thumb.setAttribute('aria-pressed', String(name === rating))
      }
    },
  }
}
