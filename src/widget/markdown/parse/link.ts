import type { Inline } from './ast.ts'

/** The address that a link to `url` goes to, or `undefined` where it may go nowhere. */
export type HrefOf = (url: string) => string | undefined

/** The address if a reader may follow it, in the form that the browser will use; else undefined. */
export function safeHref(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, href } = new URL(url)
  return protocol === 'https:' || protocol === 'http:' || protocol === 'mailto:' ? href : undefined
}

/** What ends a sentence or closes a bracket around it is not part of an address. */
export function trimUrl(url: string): string {
  const trailing = url.includes('(') ? /[.,;:!?'*_~]/ : /[.,;:!?'*_~)]/
  let end = url.length
  while (trailing.test(url[end - 1] ?? '')) end--
  return url.slice(0, end)
}

/** What is to be the text of a link, which holds no other. */
export function unlink(inlines: Inline[]): Inline[] {
  return inlines.flatMap((inline) => {
    if (typeof inline === 'string') return [inline]
    const children = unlink(inline.children)
    return inline.type === 'a' ? children : [{ ...inline, children }]
  })
}
