import { createCopyButton } from '../dom/copy-button.ts'
import type { Words } from '../words/words.ts'

/** The names that models give to the languages of `highlight.ts`. */
const highlightedLanguages =
  /^(?:[cm]?[jt]s|[jt]sx|javascript|typescript|jsonc?|bash|sh|shell|zsh|py|python|sql|html|xml|svg|css|ya?ml|go|golang|rust|rs|java|[ch]|cc|[ch]pp|c\+\+|diff|patch)$/i
/** Longer code stays plain: colouring it would stop the page for too long. */
const maxColouredChars = 20_000

/** Adds the copy button and the colours to a finished code block. A chunk of its own, loaded with the first one. */
export async function finishCode(
  frame: HTMLElement,
  code: HTMLElement,
  words: Words,
): Promise<void> {
  if (frame.childElementCount === 1) {
    const label = { copy: words.copyCode, copied: words.copied }
    frame.append(createCopyButton(label, () => code.textContent))
  }
  const source = code.textContent
  const language = frame.dataset['language'] ?? ''
  if (source.length > maxColouredChars || !highlightedLanguages.test(language)) return
  // Without the highlighter the code stays plain.
  const highlighter = await import('./highlight.ts').catch(() => undefined)
  const isSame = code.textContent === source && !code.firstElementChild
  if (isSame) highlighter?.highlight(code, language)
}
