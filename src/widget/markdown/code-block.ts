import type { Words } from '../words/words.ts'
import type { Code } from './parse/ast.ts'
import { patchInlines, placeElement } from './patch.ts'

/** For each finished element, its source. */
const finished = new WeakMap<Element, string>()

/** Draws a code block. When it `isWhole`, loads its copy button and its colours. */
export function patchCode(frame: HTMLElement, block: Code, isWhole: boolean, words: Words): void {
  const pre = placeElement(frame, frame.firstChild, 'pre')
  const code = placeElement(pre, pre.firstChild, 'code')
  pre.tabIndex = 0
  frame.dataset['language'] = block.language
  if (finished.get(code) === block.source) return
  patchInlines(code, [block.source])
  if (!isWhole && !block.isClosed) return
  finished.set(code, block.source)
  // Without the chunk the code stays plain.
  import('./code-tools.ts').then(
    (tools) => tools.finishCode(frame, code, words),
    () => {},
  )
}
