import type { Inline } from './parse/ast.ts'

/** Elements nested deeper are shown as their text. */
const maxDepth = 20

/**
 * Makes the children of `parent`, from `start` on, match `inlines`. Keeps the nodes that fit: text that has grown is
 * appended to, so a selection in it survives and nothing flickers.
 */
export function patchInlines(
  parent: Element,
  inlines: Inline[],
  start: ChildNode | null = parent.firstChild,
  depth = 0,
): void {
  let next = start
  for (const inline of inlines) {
    if (typeof inline === 'string' || depth === maxDepth) {
      next = placeText(parent, next, textOf(inline)).nextSibling
      continue
    }
    // A link in the text of a link, such as an image, is only text.
    const isLink = inline.type === 'a' && !parent.closest('a')
    const tag = inline.type === 'a' && !isLink ? 'span' : inline.type
    const element = placeElement(parent, next, tag)
    if (isLink) setAddress(element as HTMLAnchorElement, inline.href)
    patchInlines(element, inline.children, element.firstChild, depth + 1)
    next = element.nextSibling
  }
  cutFrom(next)
}

/**
 * An address of the page's own site opens in the same tab, as the site's own links do: the chat restores itself on the
 * next page. Other sites open in a new one.
 */
function setAddress(link: HTMLAnchorElement, href: string): void {
  link.href = href
  const isElsewhere = href.startsWith('http') && link.origin !== location.origin
  link.target = isElsewhere ? '_blank' : ''
  link.rel = isElsewhere ? 'noopener noreferrer' : ''
}

/** Returns `node` if it has this tag and class. Otherwise replaces it by a new element, or appends one. */
export function placeElement(
  parent: Element,
  node: ChildNode | null,
  tag: string,
  className = '',
): HTMLElement {
  const isOf = node instanceof HTMLElement && node.localName === tag
  if (isOf && node.className === className) return node
  const created = document.createElement(tag)
  if (className !== '') created.className = className
  put(parent, created, node)
  return created
}

/** Removes `node` and its next siblings. */
export function cutFrom(node: ChildNode | null): void {
  if (!node) return
  while (node.nextSibling) node.nextSibling.remove()
  node.remove()
}

function placeText(parent: Element, node: ChildNode | null, text: string): ChildNode {
  if (node instanceof Text) {
    if (!text.startsWith(node.data)) node.data = text
    else if (text.length > node.length) node.appendData(text.slice(node.length))
    return node
  }
  const created = new Text(text)
  put(parent, created, node)
  return created
}

/** The text of an inline, however deep it is. */
function textOf(inline: Inline): string {
  let text = ''
  const rest = [inline]
  for (let next; (next = rest.pop()) !== undefined;) {
    if (typeof next === 'string') text += next
    else for (const child of next.children.toReversed()) rest.push(child)
  }
  return text
}

function put(parent: Element, created: Node, node: ChildNode | null): void {
  if (node) node.replaceWith(created)
  else parent.append(created)
}
