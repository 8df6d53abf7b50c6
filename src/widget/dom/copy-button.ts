import { button, icon } from './elements.ts'

const sheetsIcon = 'M8 2h13v15h-2V4H8zM3 7h13v15H3zm2 2v11h9V9z'
const tickIcon = 'M9 16.2l-3.8-3.9L3.8 13.7 9 19 20.3 7.7l-1.4-1.4z'
const copiedMs = 2_000

interface CopyLabels {
  copy: string
  copied: string
}

/** A button that copies the result of `read` and confirms it for a moment. Hidden if the page has no clipboard. */
export function createCopyButton(labels: CopyLabels, read: () => string): HTMLButtonElement {
  const node = button({ class: 'tool' }, () => void copy())
  // Pages without TLS have no clipboard.
  node.hidden = !navigator.clipboard
  say(labels.copy, sheetsIcon)
  return node

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(read())
    } catch {
      // A page may forbid the clipboard to a frame: confirm nothing.
      return
    }
    say(labels.copied, tickIcon)
    setTimeout(() => say(labels.copy, sheetsIcon), copiedMs)
  }

  function say(label: string, path: string): void {
    node.setAttribute('aria-label', label)
    node.title = label
    node.replaceChildren(icon(path))
  }
}
