import type { InlineStart } from './ast.ts'
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
/** All the HTML that means anything: models write it in the cells of tables. */
const lineBreakPattern = /<br ?\/?>/iy
const halfAnglePattern = /<(?:br \/?|[^\s<>]*)$/iy
/** `(destination "title")`, with brackets in the destination if they are paired. */
const destinationPattern =
  /\(\s*(?:<((?:[^<>\n\\]|\\.)*)>|((?:(?!<)(?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))+)?))(?:\s+(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\)))?\s*\)/sy

/** The last space between words: where it is in the source, and how far in them. */
interface Space {
  words: TextToken
  at: number
  length: number
}

/** Takes a text apart, from `start` on, into delimiters and what is itself whatever follows. */
export function readTokens(
  source: string,
  start: InlineStart,
  hrefOf: HrefOf,
  isOpen: boolean,
): { tokens: Token[]; space: Space | undefined } {
  const tokens: Token[] = start.words === '' ? [] : [{ type: 'text', text: start.words }]
  const brackets: { mark: Opener; index: number; isImage: boolean }[] = []
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
    const words = addWords(text.slice(0, end), text.length)
    if (last < 0) return
    space = { words, at: at - text.length + last, length: words.text.length - end + last }
  }

  function readEscape(): void {
    if (source[at + 1] === '\n') {
      tokens.push({ type: 'br', children: [] })
      at += 2
      return
    }
    const escape = match(escapePattern)?.[0] ?? source[at]!
    addWords(unescape(escape), escape.length)
  }

  function readLineEnd(): void {
    if (source.endsWith('  ', at)) tokens.push({ type: 'br', children: [] })
    else addWords('\n', 0)
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
    // What a run at the end means depends on what will stand behind it.
    if (isOpen && at + run.length === source.length) at = source.length
    else if (run[0] === '~' && run.length !== 2) addWords(run)
    else {
      tokens.push(delimiterOf(source, at, run))
      at += run.length
    }
  }

  function openBracket(char: string): void {
    const isImage = char === '!'
    const text = isImage ? '![' : '['
    const mark: Opener = { type: 'opener', at, text, isPending: true }
    brackets.push({ mark, index: tokens.length, isImage })
    tokens.push(mark)
    at += text.length
  }

  function closeBracket(): void {
    at++
    const opener = brackets.pop()
    const found = opener?.mark.isPending ? match(destinationPattern) : undefined
    const href = found ? hrefOf(unescape(found[1] ?? found[2]!)) : undefined
    if (!opener || !found || href === undefined) {
      // Unless what follows may still be read as the address.
      if (opener && (found || (source[at] ?? '(') !== '(')) opener.mark.isPending = false
      addWords(']', 0)
      return
    }
    const label = toInlines(resolveEmphasis(tokens.splice(opener.index).slice(1)))
    tokens.push({ type: 'a', href, children: label.length > 0 ? unlink(label) : [href] })
    at += found[0].length
    // A link holds no link; an image, though, may stand in one.
    if (!opener.isImage) for (const { mark } of brackets) mark.isPending &&= mark.text === '!['
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

  function addWords(text: string, length = text.length): TextToken {
    let words = tokens.at(-1)
    if (words?.type !== 'text') {
      words = { type: 'text', text: '' }
      tokens.push(words)
    }
    words.text += text
    at += length
    return words
  }
}

const isSpace = (char: string | undefined) => char === ' ' || char === '\t'

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
  const isPadded = text.startsWith(' ') && text.endsWith(' ') && text.trim() !== ''
  return isPadded ? text.slice(1, -1) : text
}
