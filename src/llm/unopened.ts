import { unopenedTags } from './thinking-tags.ts'

/**
 * Whether a closing tag ends thinking that began with the reply, rather than being mentioned in its text. A mistake takes a
 * good reply away, so everything must fit: no opening tag before it, no code around it, and it stands alone on its line or
 * directly after a sentence, as models write it.
 * @param after the text behind the tag, or its beginning
 */
export function isUnopened(before: string, closing: string, after: string): boolean {
  const opening = unopenedTags.find((tag) => tag.closing === closing.toLowerCase())?.opening ?? ''
  return (
    /(^|[\n\r\p{L}\p{N}.!?…。！？)])$/u.test(before.slice(-2)) &&
    !/^[ \t`'"’”»)\],.;:!?]/.test(after) &&
    !before.toLowerCase().includes(opening) &&
    !isInCode(before)
  )
}

/** Whether Markdown that ends here is inside a fence or a code span (of this line). */
function isInCode(before: string): boolean {
  const fences = before.match(/^ {0,3}(?:```|~~~)/gm)?.length ?? 0
  const line = before.slice(before.lastIndexOf('\n') + 1)
  const ticks = line.match(/`/g)?.length ?? 0
  return fences % 2 === 1 || ticks % 2 === 1
}
