import type { InlineStart } from './ast.ts'
import { closingRun, codeText } from './code-span.ts'
import {
  delimiterOf,
  type Opener,
  resolveEmphasis,
  type TextToken,
  toInlines,
  type Token,
} from './emphasis.ts'
import { escapePattern, unescape } from './escape.ts'
import { bareUrlPattern, type HrefOf, readTarget, trimUrl } from './link.ts'

/** The characters with a meaning, and the beginnings of bare addresses. */
const specialPattern =
  /[\\`*_~[\]<\n&]|!(?=\[)|(?<!\w)(?:https?:\/\/|www\.(?=[a-z\d]))|(?<![\w.+-])[\w.+-]+@(?:[a-z\d-]+\.)+[a-z]+(?![\w-])/gi
/** The limit of backticks bounds the number of searches for a closing run. */
const delimitersPattern = /`{1,32}|\*+|_+|~+/y
const angleUrlPattern = /<(?:([a-z][a-z\d+.-]{1,31}:[^\s<>]*)|([^\s<>@:\\]+@[^\s<>@]+))>/iy
/** The only HTML tag with a meaning: models write it in table cells. */
const lineBreakPattern = /<br ?\/?>/iy
const halfAnglePattern = /<(?:br \/?|[^\s<>]*)$/iy
/** No address that is still to come begins before such a character. (Half an emoji may be a part of one.) */
const breakPattern = /[^!-~\ud800-\udfff]/

/** The last place in a text token where a later call may begin: in the source, and in the token. */
interface Place {
  token: TextToken
  at: number
  length: number
}

/**
 * Splits a text, from `start` on, into delimiters and into elements and texts that no further text changes.
 * @param isOpen whether more text may come
 */
export function readTokens(
  source: string,
  start: InlineStart,
  hrefOf: HrefOf,
  isOpen: boolean,
): { tokens: Token[]; place: Place | undefined } {
  const tokens: Token[] = start.text === '' ? [] : [{ type: 'text', text: start.text }]
  const brackets: { opener: Opener; index: number }[] = []
  /** The brackets below this one begin no link any more. */
  let closed = 0
  /** The runs of backticks that nothing closes. */
  const unclosed = new Set<string>()
  let { at } = start
  let place: Place | undefined
  while (at < source.length) {
    const special = match(specialPattern)
    readPlain(special?.index ?? source.length)
    if (special) readSpecial(special[0])
  }
  return { tokens, place }

  function readSpecial(mark: string): void {
    if (mark === '\\' || mark === '&') readEscape()
    else if (mark === '\n') readLineEnd()
    else if (mark === '`') readCode()
    else if (mark === '[' || mark === '!') openBracket(mark)
    else if (mark === ']') closeBracket()
    else if (mark === '<') readAngle()
    else if (mark.length > 1) readBareAddress(mark)
    else readDelimiters()
  }

  function readPlain(end: number): void {
    const text = source.slice(at, end)
    let length = text.length
    // Spaces at the end of a line are not shown.
    if ((source[end] ?? '\n') === '\n') while (isSpace(text[length - 1])) length--
    let last = text.length - 1
    while (last >= 0 && !breakPattern.test(text[last]!)) last--
    while (isSpace(text[last - 1])) last--
    if (text === '') return
    const token = addText(text.slice(0, length), text.length)
    if (last < 0) return
    place = { token, at: end - text.length + last, length: token.text.length - length + last }
  }

  function readEscape(): void {
    if (source[at + 1] === '\n') return addElement('br', 2)
    const escape = match(escapePattern)?.[0] ?? source[at]!
    addText(unescape(escape), escape.length)
  }

  function readLineEnd(): void {
    if (source.endsWith('  ', at)) addElement('br', 1)
    else addText('\n')
  }

  function readCode(): void {
    const [run] = match(delimitersPattern)!
    const from = at + run.length
    const end = unclosed.has(run) ? -1 : closingRun(source, from, run)
    if (end >= 0)
      return addElement('code', end + run.length - at, codeText(source.slice(from, end)))
    unclosed.add(run)
    tokens.push({ type: 'opener', at, text: isOpen ? '' : run, isPending: true })
    at = from
    if (!isOpen || from === source.length) return
    addElement('code', source.length - from, codeText(source.slice(from)))
  }

  function readDelimiters(): void {
    const [run] = match(delimitersPattern)!
    // The meaning of a run at the end depends on the next character.
    if (isOpen && at + run.length === source.length) at = source.length
    else if (run[0] === '~' && run.length !== 2) addText(run)
    else {
      tokens.push(delimiterOf(source, at, run))
      at += run.length
    }
  }

  function openBracket(mark: string): void {
    const text = mark === '!' ? '![' : '['
    const opener: Opener = { type: 'opener', at, text, isPending: true }
    brackets.push({ opener, index: tokens.length })
    tokens.push(opener)
    at += text.length
  }

  function closeBracket(): void {
    const { opener, index = 0 } = brackets.pop() ?? {}
    closed = Math.min(closed, brackets.length)
    const target = opener?.isPending ? readTarget(source, at + 1) : undefined
    if (!opener || !target) {
      addText(']')
      // Not a link, unless the address is still to come.
      if (opener && (source[at] ?? '(') !== '(') opener.isPending = false
      return
    }
    const children = toInlines(resolveEmphasis(tokens.splice(index).slice(1)))
    const href = hrefOf(unescape(target.url))
    if (href === undefined) tokens.push({ type: 'span', children })
    else tokens.push({ type: 'a', href, children: children.length > 0 ? children : [href] })
    at = target.end
    // A link contains no link, but it may contain an image.
    if (opener.text === '[')
      for (; closed < brackets.length; closed++) {
        const outer = brackets[closed]!.opener
        outer.isPending &&= outer.text !== '['
      }
  }

  function readAngle(): void {
    const lineBreak = match(lineBreakPattern)?.[0]
    if (lineBreak) return addElement('br', lineBreak.length)
    const [whole, url, mail] = match(angleUrlPattern) ?? []
    if (whole && addLink(url ?? `mailto:${mail}`, whole.length, url ?? mail!)) return
    tokens.push({ type: 'opener', at, text: '<', isPending: match(halfAnglePattern) !== null })
    at++
  }

  function readBareAddress(mark: string): void {
    const isMail = mark.includes('@')
    const found = isMail ? mark : match(bareUrlPattern)![0]
    // Further letters may change the end. A growing URL is a link already, but an unfinished domain may be none.
    const isGrowing = isOpen && !/[^\w.-]/.test(source.slice(at + found.length))
    const text = isMail || isGrowing ? found : trimUrl(found)
    const url = isMail ? `mailto:${text}` : text
    if ((isMail && isGrowing) || !addLink(url, text.length, text)) addText(found)
  }

  function addLink(url: string, length: number, text: string): boolean {
    const href = hrefOf(url)
    if (href === undefined) return false
    tokens.push({ type: 'a', href, children: [text] })
    at += length
    return true
  }

  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at
    return pattern.exec(source)
  }

  function addElement(type: 'br' | 'code', length: number, ...children: string[]): void {
    tokens.push({ type, children })
    at += length
  }

  function addText(text: string, length = text.length): TextToken {
    let token = tokens.at(-1)
    if (token?.type !== 'text') {
      token = { type: 'text', text: '' }
      tokens.push(token)
    }
    token.text += text
    at += length
    return token
  }
}

const isSpace = (char: string | undefined) => char === ' ' || char === '\t'
