/**
 * An element with attributes (`true` is the empty one, `false` none) and children. Text stays
 * text; there is no way to pass HTML.
 */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string | boolean> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children)
  return element
}

export function button(
  attributes: Record<string, string>,
  onClick: () => void,
  ...children: (Node | string)[]
): HTMLButtonElement {
  const element = el('button', { type: 'button', ...attributes }, ...children)
  element.addEventListener('click', onClick)
  return element
}

/** A drawing of one path on a 24 × 24 grid, hidden from screen readers. */
export function icon(path: string): SVGElement {
  const namespace = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(namespace, 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('aria-hidden', 'true')
  const shape = document.createElementNS(namespace, 'path')
  shape.setAttribute('d', path)
  svg.append(shape)
  return svg
}

/** A description of DOM: a text, or an element whose attributes depend on its tag alone. */
export type VirtualNode =
  | string
  | { tag: string; attributes?: Record<string, string>; children: VirtualNode[] }

/**
 * Makes the children of `parent` from `start` on look like `wanted`, and keeps what fits: text
 * that only grew is appended to, so that a selection in it and the screen stay quiet.
 */
export function patchChildren(parent: Node, wanted: VirtualNode[], start = 0): void {
  let current = parent.childNodes[start] ?? null
  for (const virtual of wanted) {
    let node: Node
    if (typeof virtual === 'string') {
      if (current instanceof Text) {
        node = current
        patchText(current, virtual)
      } else node = document.createTextNode(virtual)
    } else {
      const element: HTMLElement =
        current instanceof HTMLElement && current.localName === virtual.tag
          ? current
          : document.createElement(virtual.tag)
      for (const [name, value] of Object.entries(virtual.attributes ?? {})) {
        if (element.getAttribute(name) !== value) element.setAttribute(name, value)
      }
      patchChildren(element, virtual.children)
      node = element
    }
    if (node === current) current = current.nextSibling
    else if (current) {
      const next: ChildNode | null = current.nextSibling
      parent.replaceChild(node, current)
      current = next
    } else parent.appendChild(node)
  }
  while (current) {
    const next: ChildNode | null = current.nextSibling
    parent.removeChild(current)
    current = next
  }
}

function patchText(node: Text, text: string): void {
  if (text === node.data) return
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length))
  else node.data = text
}
