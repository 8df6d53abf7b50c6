import type { Inline } from './markdown-ast.ts'
import { delimiterOf, resolveEmphasis, type Item } from './markdown-emphasis.ts'
import { safeHref, trimUrl } from './markdown-url.ts'

const PLAIN = /[^\\`*_~[\]!<\nh]+/y
const BACKTICKS = /`+/y
const DELIMITERS = /\*+|_+|~+/y
const BARE_URL = /https?:\/\/[^\s<>"`\\[\]]+/y
const ANGLE_URL = /<((?:https?:\/\/|mailto:)[^\s<>]*)>/y
const DESTINATION =
  /\( ?(?:<([^<>\n]*)>|([^\s()<>]+(?:\([^\s()]*\)[^\s()]*)*))(?: (?:"[^"]*"|'[^']*'))? ?\)/y
const ESCAPABLE = /[!-/:-@[-`{-~]/

/**
 * The inline part of Markdown: code, emphasis, links, line breaks. HTML stays text, an image
 * becomes a link, and a link that is not http, https or mailto stays text. The cost grows with the
 * length alone, whatever the text.
 */
export function parseInline(source: string): Inline[] {
  const items: Item[] = []
  const brackets: { index: number; isImage: boolean }[] = []
  let at = 0

  const match = (pattern: RegExp) => {
    pattern.lastIndex = at
    return pattern.exec(source)
  }
  const addText = (text: string) => {
    const last = items.at(-1)
    if (last?.type === 'text') last.text += text
    else items.push({ type: 'text', text })
    at += text.length
  }

  while (at < source.length) {
    const char = source[at]!
    if (char === '\\' && ESCAPABLE.test(source[at + 1] ?? '')) {
      at++
      addText(source[at]!)
    } else if (char === '\n') {
      items.push({ type: 'break' })
      at++
    } else if (char === '`') {
      const run = match(BACKTICKS)![0]
      const end = closingRun(source, at + run.length, run)
      if (end < 0) {
        addText(run)
      } else {
        items.push({ type: 'code', text: codeText(source.slice(at + run.length, end)) })
        at = end + run.length
      }
    } else if (char === '*' || char === '_' || char === '~') {
      const run = match(DELIMITERS)![0]
      items.push(delimiterOf(run, source[at - 1] ?? ' ', source[at + run.length] ?? ' '))
      at += run.length
    } else if (char === '[' || (char === '!' && source[at + 1] === '[')) {
      const text = char === '[' ? '[' : '!['
      brackets.push({ index: items.length, isImage: char === '!' })
      items.push({ type: 'bracket', text })
      at += text.length
    } else if (char === ']') {
      at++
      const opener = brackets.pop()
      const found = opener === undefined ? null : match(DESTINATION)
      const href = found && safeHref(found[1] ?? found[2]!)
      if (opener === undefined || !found || !href) {
        at--
        addText(']')
        continue
      }
      const label = unlink(resolveEmphasis(items.splice(opener.index).slice(1)))
      items.push({ type: 'link', href, children: label.length > 0 ? label : [textOf(href)] })
      // A link holds no link; an image, though, may stand in one.
      if (!opener.isImage) brackets.length = 0
      at += found[0].length
    } else if (char === '<' || char === 'h') {
      const found = match(char === '<' ? ANGLE_URL : BARE_URL)
      const url = found && (found[1] ?? trimUrl(found[0]))
      const href = url && !isWord(source[at - 1]) && safeHref(url)
      if (!href) {
        addText(char)
        continue
      }
      items.push({ type: 'link', href, children: [textOf(url)] })
      at += char === '<' ? found[0].length : url.length
    } else {
      addText(match(PLAIN)?.[0] ?? char)
    }
  }
  return resolveEmphasis(items)
}

function closingRun(source: string, from: number, run: string): number {
  for (let at = source.indexOf(run, from); at >= 0; at = source.indexOf(run, at)) {
    const start = at
    while (source[at] === '`') at++
    if (at - start === run.length) return start
  }
  return -1
}

function codeText(raw: string): string {
  const text = raw.replaceAll('\n', ' ')
  return /^ .*[^ ].* $/.test(text) ? text.slice(1, -1) : text
}

function unlink(inlines: Inline[]): Inline[] {
  return inlines.flatMap((inline) =>
    inline.type === 'link'
      ? inline.children
      : 'children' in inline
        ? [{ ...inline, children: unlink(inline.children) }]
        : [inline],
  )
}

const textOf = (text: string): Inline => ({ type: 'text', text })
const isWord = (char: string | undefined) => char !== undefined && /[^\s\p{P}\p{S}]/u.test(char)
