import { createCopyButton } from '../dom/copy-button.ts'
import type { Words } from '../words/words.ts'
import type { Code } from './parse/ast.ts'
import { patchInlines, placeElement } from './patch.ts'

/** The languages that `highlight.ts` knows, by the names that models give them. */
const highlightedLanguages =
  /^(?:[cm]?[jt]s|[jt]sx|javascript|typescript|jsonc?|bash|sh|shell|zsh|py|python|sql|html|xml|svg|css|ya?ml|go|golang|rust|rs|java|[ch]|cc|[ch]pp|c\+\+|diff|patch)$/i

/** What each element held when it was given its colours, or when they were asked for. */
const highlighted = new WeakMap<Element, string>()

/** Code, a button that copies it, the name of its language and, once it `isWhole`, its colours. */
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
  // Where it can't be loaded, the code stays plain.
  const highlighter = await import('./highlight.ts').catch(() => undefined)
  const isSame = highlighted.get(code) === source && !code.firstElementChild
  if (isSame) highlighter?.highlight(code, language)
}
