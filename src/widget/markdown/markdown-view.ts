import type { Words } from '../words/words.ts'
import { patchCode } from './code-block.ts'
import type { Block, Container, Heading, Paragraph, Table } from './parse/ast.ts'
import { plainText } from './parse/leaf-blocks.ts'
import { safeHref } from './parse/link.ts'
import { createMarkdownParser } from './parse/markdown-parser.ts'
import { cutFrom, patchInlines, placeElement } from './patch.ts'

/** The rest of a longer text is one block of plain text: the browser lays it out much faster. */
const maxChars = 100_000

/**
 * Shows Markdown in `root` while it grows. Settled blocks are not touched again, the last ones are patched in place. It
 * creates only elements and text nodes, so the model's text cannot run or load anything. With `isOpen` more text will
 * come, and the end is shown in its most likely form.
 */
export function createMarkdownView(
  root: HTMLElement,
  words: Words,
): { update: (text: string, isOpen?: boolean) => void } {
  let parser = createMarkdownParser(hrefOf)
  let blocks = parser.update('')
  // With each new child, a browser searches an element with `dir="auto"` again, past all children with a direction of
  // their own. So an element with many of these, such as the root or a list, must not have it.
  root.removeAttribute('dir')
  let shown = ''
  const rest = plainText()
  return {
    update(text, isOpen = false) {
      if (!text.startsWith(shown)) {
        parser = createMarkdownParser(hrefOf)
        shown = ''
      }
      if (shown.length <= maxChars) {
        const isLonger = text.length > maxChars
        blocks = parser.update(text.slice(0, maxChars), isOpen && !isLonger)
        if (isLonger) blocks.children.push(rest)
      }
      rest.source = text.slice(maxChars)
      shown = text
      patchBlocks(root, blocks, !isOpen)
    },
  }

  /** `isWhole`: no more text will come. */
  function patchBlocks(parent: HTMLElement, container: Container, isWhole: boolean): void {
    const { children, settled, type } = container
    let index = firstToDraw(parent, container)
    let next = parent.childNodes[index] ?? null
    for (; index < children.length; index++) {
      const block = children[index]!
      const element = patchBlock(parent, next, block, isWhole || index < settled)
      if (hasOwnDirection(block.type)) element.dir = 'auto'
      next = element.nextSibling
    }
    cutFrom(next)

    // Deeper blocks take the direction of the item or quotation around them.
    function hasOwnDirection(child: Block['type']): boolean {
      if (type === 'list') return !parent.closest('blockquote')
      return type === 'document' && child !== 'list' && child !== 'code'
    }
  }

  function patchBlock(
    parent: HTMLElement,
    node: ChildNode | null,
    block: Block,
    isWhole: boolean,
  ): HTMLElement {
    const { type } = block
    const isOrdered = type === 'list' && /[.)]/.test(block.mark)
    let tag = tags[type]
    if (isOrdered) tag = 'ol'
    // A `div` in a list item has no margins, also when a copy is pasted elsewhere.
    else if (tag === 'p' && parent.localName === 'li') tag = 'div'
    // The dialog's own heading is an h2, so levels begin at h3.
    else if (type === 'heading') tag += Math.min(6, block.level + 2)
    const element = placeElement(
      parent,
      node,
      tag,
      tag === 'div' && type !== 'paragraph' ? type : '',
    )
    if (isOrdered) element.setAttribute('start', String(block.start))
    if (type === 'list') element.toggleAttribute('data-loose', block.isLoose)
    if (type === 'paragraph' || type === 'heading') patchText(element, block)
    else if (type === 'code') patchCode(element, block, isWhole, words)
    else if (type === 'table') patchTable(element, block)
    else if (type !== 'rule') patchBlocks(element, block, isWhole)
    return element
  }
}

const tags = {
  paragraph: 'p',
  heading: 'h',
  code: 'div',
  table: 'div',
  list: 'ul',
  item: 'li',
  quote: 'blockquote',
  rule: 'hr',
}

/** A same-page address stays on the page, whatever the page's `<base>` is. */
function hrefOf(url: string): string | undefined {
  return safeHref(url, url[0] === '#' ? location.href : document.baseURI)
}

/** The block that each element shows. */
const shownIn = new WeakMap<Element, Block | Container>()

/** The index of the first child that is not drawn in its final form. The caller draws it and all that follow. */
function firstToDraw(element: Element, block: Block | Container): number {
  const from = shownIn.get(element) === block ? Math.min(block.drawn, block.settled) : 0
  shownIn.set(element, block)
  block.drawn = block.settled
  return from
}

function patchText(element: HTMLElement, block: Paragraph | Heading): void {
  const from = firstToDraw(element, block)
  patchInlines(element, block.children.slice(from), element.childNodes[from] ?? null)
}

function patchTable(frame: HTMLElement, block: Table): void {
  const table = placeElement(frame, frame.firstChild, 'table')
  let index = firstToDraw(table, block)
  let next = table.childNodes[index] ?? null
  for (; index < block.children.length; index++) {
    const row = placeElement(table, next, 'tr')
    let place = row.firstChild
    for (const [column, inlines] of block.children[index]!.cells.entries()) {
      const cell = placeElement(row, place, index > 0 ? 'td' : 'th', block.align[column])
      patchInlines(cell, inlines)
      cell.toggleAttribute('data-long', cell.textContent.length > 12)
      place = cell.nextSibling
    }
    cutFrom(place)
    next = row.nextSibling
  }
  cutFrom(next)
  // A wide table scrolls inside this frame, which the keyboard must reach. Its name is its head.
  frame.tabIndex = 0
  frame.role = 'group'
  frame.ariaLabel = Array.from(table.firstChild!.childNodes, (cell) => cell.textContent).join(', ')
}
