import type { Inline } from './ast.ts'

/** Returns the address of a link to `url`; undefined if the link is forbidden. */
export type HrefOf = (url: string) => string | undefined

/** Allows http, https and mailto. Returns the address in the browser's own form. */
export function safeHref(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, href } = new URL(url)
  return protocol === 'https:' || protocol === 'http:' || protocol === 'mailto:' ? href : undefined
}

/** Removes the punctuation that ends a sentence or closes a bracket after an address. */
export function trimUrl(url: string): string {
  const trailing = url.includes('(') ? /[.,;:!?'*_~]/ : /[.,;:!?'*_~)]/
  let end = url.length
  while (trailing.test(url[end - 1] ?? '')) end--
  return url.slice(0, end)
}

/** Removes the links from the text of a link. */
export function unlink(inlines: Inline[]): Inline[] {
  return inlines.flatMap((inline) => {
    if (typeof inline === 'string') return [inline]
    const children = unlink(inline.children)
    return inline.type === 'a' ? children : [{ ...inline, children }]
  })
}
