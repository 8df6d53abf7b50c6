import type { InlineStart } from './ast.ts'
import { closingRun, codeText } from './code-span.ts'
import {
  delimiterOf,
  isWord,
  type Opener,
  resolveEmphasis,
  type TextToken,
  toInlines,
  type Token,
} from './emphasis.ts'
import { escapePattern, unescape } from './escape.ts'
import { type HrefOf, trimUrl, unlink } from './link.ts'

const plainPattern = /(?:[^\\`*_~[\]!<\n&h]|h(?!ttps?:\/\/))+/y
const backticksPattern = /`+/y
const delimitersPattern = /\*+|_+|~+/y
const bareUrlPattern = /https?:\/\/[^\s<>"`\\[\]]+/y
const angleUrlPattern = /<(?:([a-z][a-z\d+.-]{1,31}:[^\s<>]*)|([^\s<>@:\\]+@[^\s<>@]+))>/iy
/** The only HTML tag with a meaning: models write it in table cells. */
const lineBreakPattern = /<br ?\/?>/iy
const halfAnglePattern = /<(?:br \/?|[^\s<>]*)$/iy
/** `(destination "title")`. The destination may hold paired brackets. */
const destinationPattern =
  /\(\s*(?:<((?:[^<>\n\\]|\\.)*)>|((?:(?!<)(?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))+)?))(?:\s+(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\)))?\s*\)/sy

/** The last space in a text token: its place in the source, and its offset in the token. */
interface Space {
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
): { tokens: Token[]; space: Space | undefined } {
  const tokens: Token[] = start.text === '' ? [] : [{ type: 'text', text: start.text }]
  const brackets: { opener: Opener; index: number; isImage: boolean }[] = []
  let { at } = start
  let space: Space | undefined
  while (at < source.length) readToken(source[at]!)
  return { tokens, space }

  function readToken(char: string): void {
    if (char === '\\' || char === '&') readEscape()
    else if (char === '\n') readLineEnd()
    else if (char === '`') readCode()
    else if (char === '*' || char === '_' || char === '~') readDelimiters()
    else if (char === '[' || (char === '!' && source[at + 1] === '[')) openBracket(char)
    else if (char === ']') closeBracket()
    else if (char === '<') readAngle()
    else if (char !== 'h' || isWord(source[at - 1]) || !readUrl()) readPlain()
  }

  function readPlain(): void {
    const text = match(plainPattern)?.[0] ?? source[at]!
    let end = text.length
    // Spaces at the end of a line are not shown.
    if ('\n' === (source[at + end] ?? '\n')) while (isSpace(text[end - 1])) end--
    let last = text.lastIndexOf(' ')
    while (isSpace(text[last - 1])) last--
    const token = addText(text.slice(0, end), text.length)
    if (last < 0) return
    space = { token, at: at - text.length + last, length: token.text.length - end + last }
  }

  function readEscape(): void {
    if (source[at + 1] === '\n') {
      tokens.push({ type: 'br', children: [] })
      at += 2
      return
    }
    const escape = match(escapePattern)?.[0] ?? source[at]!
    addText(unescape(escape), escape.length)
  }

  function readLineEnd(): void {
    if (source.endsWith('  ', at)) tokens.push({ type: 'br', children: [] })
    else addText('\n', 0)
    at++
  }

  function readCode(): void {
    const [run] = match(backticksPattern)!
    const from = at + run.length
    const end = closingRun(source, from, run)
    if (end >= 0) {
      tokens.push({ type: 'code', children: [codeText(source.slice(from, end))] })
      at = end + run.length
      return
    }
    tokens.push({ type: 'opener', at, text: isOpen ? '' : run, isPending: true })
    at = from
    if (!isOpen || from === source.length) return
    tokens.push({ type: 'code', children: [codeText(source.slice(from))] })
    at = source.length
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

  function openBracket(char: string): void {
    const isImage = char === '!'
    const text = isImage ? '![' : '['
    const opener: Opener = { type: 'opener', at, text, isPending: true }
    brackets.push({ opener, index: tokens.length, isImage })
    tokens.push(opener)
    at += text.length
  }

  function closeBracket(): void {
    at++
    const bracket = brackets.pop()
    const found = bracket?.opener.isPending ? match(destinationPattern) : undefined
    const href = found ? hrefOf(unescape(found[1] ?? found[2]!)) : undefined
    if (!bracket || !found || href === undefined) {
      // Not a link, unless the address is still to come.
      if (bracket && (found || (source[at] ?? '(') !== '(')) bracket.opener.isPending = false
      addText(']', 0)
      return
    }
    const label = toInlines(resolveEmphasis(tokens.splice(bracket.index).slice(1)))
    tokens.push({ type: 'a', href, children: label.length > 0 ? unlink(label) : [href] })
    at += found[0].length
    // A link contains no link, but it may contain an image.
    if (!bracket.isImage)
      for (const { opener } of brackets) opener.isPending &&= opener.text === '!['
  }

  function readAngle(): void {
    const lineBreak = match(lineBreakPattern)
    if (lineBreak) {
      tokens.push({ type: 'br', children: [] })
      at += lineBreak[0].length
      return
    }
    const found = match(angleUrlPattern)
    const text = found?.[1] ?? found?.[2]
    const href = text && hrefOf(found?.[1] ?? `mailto:${text}`)
    if (found && text && href !== undefined) {
      tokens.push({ type: 'a', href, children: [text] })
      at += found[0].length
      return
    }
    tokens.push({ type: 'opener', at, text: '<', isPending: match(halfAnglePattern) !== null })
    at++
  }

  function readUrl(): boolean {
    const found = match(bareUrlPattern)?.[0]
    if (!found) return false
    const isEnd = at + found.length === source.length
    const text = isOpen && isEnd ? found : trimUrl(found)
    const href = hrefOf(text)
    if (href === undefined) return false
    tokens.push({ type: 'a', href, children: [text] })
    at += text.length
    return true
  }

  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at
    return pattern.exec(source)
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
