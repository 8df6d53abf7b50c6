import type { Inline } from './parse/ast.ts'

/**
 * Makes the children of `parent`, from `start` on, match `inlines`. Keeps the nodes that fit: text that has grown is
 * appended to, so a selection in it survives and nothing flickers.
 */
export function patchInlines(parent: Element, inlines: Inline[], start = 0): void {
  for (const [index, inline] of inlines.entries()) {
    const place = start + index
    if (typeof inline === 'string') {
      patchText(parent, place, inline)
      continue
    }
    const element = placeElement(parent, place, inline.type)
    if (inline.type === 'a') {
      element.setAttribute('href', inline.href)
      element.setAttribute('target', '_blank')
      element.setAttribute('rel', 'noopener noreferrer')
    }
    patchInlines(element, inline.children)
  }
  cutChildren(parent, start + inlines.length)
}

/** Returns the child at `place` if it has this tag and class. Otherwise replaces it by a new element. */
export function placeElement(
  parent: Element,
  place: number,
  tag: string,
  className = '',
): HTMLElement {
  const current = parent.childNodes[place]
  const isOf = current instanceof HTMLElement && current.localName === tag
  if (isOf && current.className === className) return current
  const created = document.createElement(tag)
  if (className !== '') created.className = className
  put(parent, created, current)
  return created
}

/** Removes the children from `length` on. */
export function cutChildren(parent: Element, length: number): void {
  while (parent.childNodes.length > length) parent.lastChild!.remove()
}

function patchText(parent: Element, place: number, text: string): void {
  const current = parent.childNodes[place]
  if (!(current instanceof Text)) put(parent, new Text(text), current)
  else if (!text.startsWith(current.data)) current.data = text
  else if (text.length > current.length) current.appendData(text.slice(current.length))
}

function put(parent: Element, node: Node, current: ChildNode | undefined): void {
  if (current) current.replaceWith(node)
  else parent.append(node)
}
