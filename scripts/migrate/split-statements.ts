export interface SqlStatement {
  /** From its first word, without the semicolon. */
  text: string
  /** The line of the file on which it starts, from 1. */
  line: number
  /** Its first unquoted words, in lower case: enough to tell the kind of statement. */
  head: string
}

/** Quotes, comments and words, as PostgreSQL reads them if standard_conforming_strings is on. */
const tokenPattern = new RegExp(
  [
    /(?<space>\s+|--[^\n]*)/,
    /(?<comment>\/\*)/,
    /(?<quoted>[eE]'[^'\\]*(?:(?:''|\\[^])[^'\\]*)*'|'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*")/,
    /(?<dollar>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)/,
    /(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/,
    /(?<number>\d[\w.]*|\$\d+)/,
    /(?<other>[^])/,
  ]
    .map((part) => part.source)
    .join('|'),
  'y',
)

const headWords = 8

/**
 * Cuts a script into its statements where psql would: not in quotes, comments, parentheses, dollar-quoted bodies or the
 * `begin atomic … end` of an SQL function. The caller sends the statements one by one, so an error has a line.
 * Throws a SyntaxError that names the line of a quote or a comment that never ends.
 */
export function splitStatements(sql: string): SqlStatement[] {
  const statements: SqlStatement[] = []
  let start: number | undefined
  let words: string[] = []
  let previousWord = ''
  let parentheses = 0
  let atomicDepth = 0

  const close = (end: number): void => {
    if (start !== undefined) {
      const head = words.slice(0, headWords).join(' ')
      statements.push({ text: sql.slice(start, end).trimEnd(), line: lineAt(sql, start), head })
    }
    start = undefined
    words = []
    parentheses = 0
    atomicDepth = 0
  }

  let at = 0
  while (at < sql.length) {
    tokenPattern.lastIndex = at
    const groups = tokenPattern.exec(sql)?.groups ?? {}
    const token = Object.values(groups).find((text) => text !== undefined) ?? ''
    const tokenStart = at
    at += token.length
    if (groups.space !== undefined) continue
    if (groups.comment !== undefined) {
      at = endOfComment(sql, tokenStart)
      continue
    }
    if (token === ';' && parentheses === 0 && atomicDepth === 0) {
      close(tokenStart)
      previousWord = ''
      continue
    }
    start ??= tokenStart

    if (groups.dollar !== undefined) {
      const end = sql.indexOf(token, at)
      if (end === -1) throw unterminated(sql, tokenStart, `the quote ${token}`)
      at = end + token.length
    } else if (groups.word !== undefined) {
      const word = token.toLowerCase()
      if (words.length < headWords) words.push(word)
      if (word === 'atomic' && previousWord === 'begin' && definesRoutine(words)) atomicDepth += 1
      else if (word === 'case' && atomicDepth > 0) atomicDepth += 1
      else if (word === 'end' && atomicDepth > 0) atomicDepth -= 1
      previousWord = word
      continue
    } else if (token === "'" || token === '"') {
      throw unterminated(sql, tokenStart, `the quote ${token}`)
    } else if (token === '(') parentheses += 1
    else if (token === ')') parentheses = Math.max(0, parentheses - 1)
    previousWord = ''
  }
  close(sql.length)
  return statements
}

function definesRoutine(words: string[]): boolean {
  return /^create (or replace )?(function|procedure) /.test(words.join(' '))
}

/** Block comments nest, as in the SQL standard. */
function endOfComment(sql: string, start: number): number {
  const edge = /\/\*|\*\//g
  edge.lastIndex = start
  let depth = 0
  for (let match = edge.exec(sql); match !== null; match = edge.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return edge.lastIndex
  }
  throw unterminated(sql, start, 'the comment /*')
}

function unterminated(sql: string, at: number, what: string): SyntaxError {
  return new SyntaxError(`line ${lineAt(sql, at)}: ${what} that starts here never ends`)
}

function lineAt(sql: string, index: number): number {
  return sql.slice(0, index).split('\n').length
}
