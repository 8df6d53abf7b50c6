import type { Words } from '../words/words.ts'
import { patchCode } from './code-block.ts'
import type { Block, Container, Heading, Paragraph, Table } from './parse/ast.ts'
import { createMarkdownParser } from './parse/markdown-parser.ts'
import { cutChildren, patchInlines, placeElement } from './patch.ts'

/**
 * Shows Markdown in `root` while it grows. Settled blocks are not touched again, the last ones are patched in place. It
 * creates only elements and text nodes, so the model's text cannot run or load anything. With `isOpen` more text will
 * come, and the end is shown in its most likely form.
 */
export function createMarkdownView(
  root: HTMLElement,
  words: Words,
): { update: (text: string, isOpen?: boolean) => void } {
  let parser = createMarkdownParser()
  let shown = ''
  return {
    update(text, isOpen = false) {
      if (!text.startsWith(shown)) parser = createMarkdownParser()
      shown = text
      patchBlocks(root, parser.update(text, isOpen), !isOpen)
    },
  }

  /** `isWhole`: no more text will come. */
  function patchBlocks(parent: HTMLElement, container: Container, isWhole: boolean): void {
    const { children, settled } = container
    for (let place = firstToDraw(parent, container); place < children.length; place++) {
      patchBlock(parent, place, children[place]!, isWhole || place < settled)
    }
    cutChildren(parent, children.length)
    container.drawn = settled
  }

  function patchBlock(parent: HTMLElement, place: number, block: Block, isWhole: boolean): void {
    switch (block.type) {
      case 'paragraph':
        // A `div` in a list item has no margins, also when a copy is pasted elsewhere.
        return patchText(
          placeElement(parent, place, parent.localName === 'li' ? 'div' : 'p'),
          block,
        )
      case 'heading':
        // The dialog's own heading is an h2, so levels begin at h3.
        return patchText(placeElement(parent, place, `h${Math.min(6, block.level + 2)}`), block)
      case 'code':
        return patchCode(placeElement(parent, place, 'div', 'code'), block, isWhole, words)
      case 'table':
        return patchTable(placeElement(parent, place, 'div', 'table'), block)
      case 'list': {
        const isOrdered = block.mark === '.' || block.mark === ')'
        const list = placeElement(parent, place, isOrdered ? 'ol' : 'ul')
        if (isOrdered) list.setAttribute('start', String(block.start))
        list.toggleAttribute('data-loose', block.isLoose)
        return patchBlocks(list, block, isWhole)
      }
      case 'item':
        return patchBlocks(placeElement(parent, place, 'li'), block, isWhole)
      case 'quote':
        return patchBlocks(placeElement(parent, place, 'blockquote'), block, isWhole)
      case 'rule':
        placeElement(parent, place, 'hr')
    }
  }
}

/** The block that each element shows. */
const shownIn = new WeakMap<Element, Block | Container>()

/** The index of the first child that is not drawn in its final form. */
function firstToDraw(element: Element, block: Block | Container): number {
  if (shownIn.get(element) !== block) block.drawn = 0
  shownIn.set(element, block)
  return Math.min(block.drawn, block.settled)
}

function patchText(element: HTMLElement, block: Paragraph | Heading): void {
  const from = firstToDraw(element, block)
  patchInlines(element, block.children.slice(from), from)
  block.drawn = block.settled
}

function patchTable(frame: HTMLElement, block: Table): void {
  // A wide table scrolls inside this frame, which the keyboard must reach.
  frame.tabIndex = 0
  const table = placeElement(frame, 0, 'table')
  const [head, body] = [placeElement(table, 0, 'thead'), placeElement(table, 1, 'tbody')]
  for (let index = firstToDraw(frame, block); index < block.children.length; index++) {
    const row = placeElement(index > 0 ? body : head, Math.max(0, index - 1), 'tr')
    for (const [column, cell] of block.children[index]!.cells.entries()) {
      const tag = index > 0 ? 'td' : 'th'
      patchInlines(placeElement(row, column, tag, block.align[column]), cell)
    }
    cutChildren(row, block.align.length)
  }
  cutChildren(body, block.children.length - 1)
  block.drawn = block.settled
}
