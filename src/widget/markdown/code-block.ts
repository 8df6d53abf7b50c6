import { createCopyButton } from '../dom/copy-button.ts'
import type { Words } from '../words/words.ts'
import type { Code } from './parse/ast.ts'
import { patchInlines, placeElement } from './patch.ts'

/** The names that models give to the languages of `highlight.ts`. */
const highlightedLanguages =
  /^(?:[cm]?[jt]s|[jt]sx|javascript|typescript|jsonc?|bash|sh|shell|zsh|py|python|sql|html|xml|svg|css|ya?ml|go|golang|rust|rs|java|[ch]|cc|[ch]pp|c\+\+|diff|patch)$/i

/** For each element the source that its colours are for, or will be. */
const highlighted = new WeakMap<Element, string>()

/** Draws a code block: code, copy button, name of the language. When it `isWhole`, loads the colours. */
export function patchCode(frame: HTMLElement, block: Code, isWhole: boolean, words: Words): void {
  const { language, source } = block
  const pre = placeElement(frame, 0, 'pre')
  const code = placeElement(pre, 0, 'code')
  if (frame.childElementCount === 1) {
    pre.tabIndex = 0
    const label = { copy: words.copyCode, copied: words.copied }
    frame.append(createCopyButton(label, () => code.textContent))
  }
  frame.dataset['language'] = language
  if (highlighted.get(code) === source) return
  if (highlighted.delete(code)) code.replaceChildren()
  patchInlines(code, [source])
  if (!isWhole && !block.isClosed) return
  if (!highlightedLanguages.test(language)) return
  highlighted.set(code, source)
  void loadColours(code, language, source)
}

async function loadColours(code: HTMLElement, language: string, source: string): Promise<void> {
  // Without the highlighter the code stays plain.
  const highlighter = await import('./highlight.ts').catch(() => undefined)
  const isSame = highlighted.get(code) === source && !code.firstElementChild
  if (isSame) highlighter?.highlight(code, language)
}
